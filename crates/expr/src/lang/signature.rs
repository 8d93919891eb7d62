//! The functions of the language by name, and which arguments each accepts before it is run.

use super::types::GoType::{
    Any, AnyAny, Anys, Bool, Duration, Float, Floats, Int, Ints, Location, String, Strings, Time,
};
use super::types::{GoType, Nature};

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) rule: Rule,
}

/// How the arguments of a function are checked.
#[derive(Debug)]
pub(crate) enum Rule {
    /// It takes a list and something to do with each item; checked by hand.
    Predicate(&'static [Argument]),
    /// The arguments must fit one of these.
    Overloads(&'static [Overload]),
    /// Checked by a function of the arguments' natures, which answers the result's.
    Validate(fn(&'static str, &[Nature]) -> Result<Nature, std::string::String>),
    /// `get`, checked by hand.
    Get,
}

/// An argument of a function that takes predicates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Argument {
    pub(crate) predicate: bool,
    pub(crate) optional: bool,
}

/// One accepted list of parameters, and the result.
#[derive(Debug)]
pub(crate) struct Overload {
    pub(crate) parameters: &'static [GoType],
    pub(crate) result: GoType,
}

const VALUE: Argument = Argument {
    predicate: false,
    optional: false,
};
const PREDICATE: Argument = Argument {
    predicate: true,
    optional: false,
};
const OPTIONAL_VALUE: Argument = Argument {
    predicate: false,
    optional: true,
};
const OPTIONAL_PREDICATE: Argument = Argument {
    predicate: true,
    optional: true,
};

impl Signature {
    pub(crate) fn is_predicate(&self) -> bool {
        matches!(self.rule, Rule::Predicate(_))
    }

    pub(crate) fn predicate_arguments(&self) -> &'static [Argument] {
        match self.rule {
            Rule::Predicate(arguments) => arguments,
            _ => &[],
        }
    }
}

/// The function of the language with this name.
pub(crate) fn find(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|signature| signature.name == name)
}

const fn each(name: &'static str, arguments: &'static [Argument]) -> Signature {
    Signature {
        name,
        rule: Rule::Predicate(arguments),
    }
}

const fn typed(name: &'static str, overloads: &'static [Overload]) -> Signature {
    Signature {
        name,
        rule: Rule::Overloads(overloads),
    }
}

const fn checked(
    name: &'static str,
    validate: fn(&'static str, &[Nature]) -> Result<Nature, std::string::String>,
) -> Signature {
    Signature {
        name,
        rule: Rule::Validate(validate),
    }
}

const fn takes(parameters: &'static [GoType], result: GoType) -> Overload {
    Overload { parameters, result }
}

const BINARY_INT: &[Overload] = &[takes(&[Int, Int], Int)];

/// Every function, as expr-lang 1.17 declares it.
static SIGNATURES: &[Signature] = &[
    each("all", &[VALUE, PREDICATE]),
    each("none", &[VALUE, PREDICATE]),
    each("any", &[VALUE, PREDICATE]),
    each("one", &[VALUE, PREDICATE]),
    each("filter", &[VALUE, PREDICATE]),
    each("map", &[VALUE, PREDICATE]),
    each("find", &[VALUE, PREDICATE]),
    each("findIndex", &[VALUE, PREDICATE]),
    each("findLast", &[VALUE, PREDICATE]),
    each("findLastIndex", &[VALUE, PREDICATE]),
    each("count", &[VALUE, OPTIONAL_PREDICATE]),
    each("sum", &[VALUE, OPTIONAL_PREDICATE]),
    each("groupBy", &[VALUE, PREDICATE]),
    each("sortBy", &[VALUE, PREDICATE, OPTIONAL_VALUE]),
    each("reduce", &[VALUE, PREDICATE, OPTIONAL_VALUE]),
    checked("len", validate::length),
    typed("type", &[takes(&[Any], String)]),
    checked("abs", validate::abs),
    checked("ceil", validate::round),
    checked("floor", validate::round),
    checked("round", validate::round),
    checked("int", validate::int),
    checked("float", validate::float),
    typed("string", &[takes(&[Any], String)]),
    typed(
        "trim",
        &[takes(&[String], String), takes(&[String, String], String)],
    ),
    typed(
        "trimPrefix",
        &[takes(&[String, String], String), takes(&[String], String)],
    ),
    typed(
        "trimSuffix",
        &[takes(&[String, String], String), takes(&[String], String)],
    ),
    typed("upper", &[takes(&[String], String)]),
    typed("lower", &[takes(&[String], String)]),
    typed(
        "split",
        &[
            takes(&[String, String], Strings),
            takes(&[String, String, Int], Strings),
        ],
    ),
    typed(
        "splitAfter",
        &[
            takes(&[String, String], Strings),
            takes(&[String, String, Int], Strings),
        ],
    ),
    typed(
        "replace",
        &[
            takes(&[String, String, String, Int], String),
            takes(&[String, String, String], String),
        ],
    ),
    typed("repeat", &[takes(&[String, Int], String)]),
    typed(
        "join",
        &[
            takes(&[Strings, String], String),
            takes(&[Anys, String], String),
            takes(&[Anys], String),
            takes(&[Strings], String),
        ],
    ),
    typed("indexOf", &[takes(&[String, String], Int)]),
    typed("lastIndexOf", &[takes(&[String, String], Int)]),
    typed("hasPrefix", &[takes(&[String, String], Bool)]),
    typed("hasSuffix", &[takes(&[String, String], Bool)]),
    checked("max", validate::aggregate),
    checked("min", validate::aggregate),
    checked("mean", validate::aggregate),
    checked("median", validate::aggregate),
    typed("toJSON", &[takes(&[Any], String)]),
    typed("fromJSON", &[takes(&[String], Any)]),
    typed("toBase64", &[takes(&[String], String)]),
    typed("fromBase64", &[takes(&[String], String)]),
    checked("now", validate::now),
    typed("duration", &[takes(&[String], Duration)]),
    checked("date", validate::date),
    typed("timezone", &[takes(&[String], Location)]),
    checked("first", validate::first),
    checked("last", validate::first),
    Signature {
        name: "get",
        rule: Rule::Get,
    },
    checked("take", validate::take),
    checked("keys", validate::map_to_list),
    checked("values", validate::map_to_list),
    checked("toPairs", validate::map_to_list),
    checked("fromPairs", validate::from_pairs),
    checked("reverse", validate::list_to_list),
    checked("uniq", validate::list_to_list),
    checked("concat", validate::concat),
    checked("flatten", validate::list_to_list),
    typed(
        "sort",
        &[
            takes(&[Anys, String], Anys),
            takes(&[Ints, String], Anys),
            takes(&[Floats, String], Anys),
            takes(&[Strings, String], Anys),
            takes(&[Anys], Anys),
            takes(&[Floats], Anys),
            takes(&[Strings], Anys),
            takes(&[Ints], Anys),
        ],
    ),
    typed("bitand", BINARY_INT),
    typed("bitor", BINARY_INT),
    typed("bitxor", BINARY_INT),
    typed("bitnand", BINARY_INT),
    typed("bitshl", BINARY_INT),
    typed("bitshr", BINARY_INT),
    typed("bitushr", BINARY_INT),
    typed("bitnot", &[takes(&[Int], Int)]),
];

/// The checks that lists of parameters cannot express.
mod validate {
    use super::{Any, AnyAny, Anys, Float, Int, Location, Nature, Time};

    type Validated = Result<Nature, String>;

    fn one(arguments: &[Nature]) -> Result<&Nature, String> {
        match arguments {
            [argument] => Ok(argument),
            _ => Err(format!(
                "invalid number of arguments (expected 1, got {})",
                arguments.len()
            )),
        }
    }

    /// `result` where the only argument is unknown or of a fitting type.
    fn unary(
        arguments: &[Nature],
        fits: impl Fn(&Nature) -> bool,
        result: impl Into<Nature>,
        problem: impl Fn(&str) -> String,
    ) -> Validated {
        let argument = one(arguments)?;
        if argument.is_unknown() || fits(argument) {
            return Ok(result.into());
        }
        Err(problem(shown(argument)))
    }

    /// A type as Go prints it with `%s`, which has its own idea of nil.
    fn shown(nature: &Nature) -> &'static str {
        if nature.is_nil() {
            return "%!s(<nil>)";
        }
        nature.describe()
    }

    fn wrong_argument(name: &str) -> impl Fn(&str) -> String {
        move |given| format!("invalid argument for {name} (type {given})")
    }

    pub(super) fn length(name: &'static str, arguments: &[Nature]) -> Validated {
        let fits = |nature: &Nature| nature.is_array() || nature.is_map() || nature.is_string();
        unary(arguments, fits, Int, wrong_argument(name))
    }

    pub(super) fn abs(name: &'static str, arguments: &[Nature]) -> Validated {
        let result = arguments.first().cloned().unwrap_or(Nature::UNKNOWN);
        unary(arguments, Nature::is_number, result, wrong_argument(name))
    }

    pub(super) fn round(name: &'static str, arguments: &[Nature]) -> Validated {
        unary(arguments, Nature::is_number, Float, wrong_argument(name))
    }

    fn numeric(nature: &Nature) -> bool {
        nature.is_number() || nature.is_string() || nature.is_duration()
    }

    pub(super) fn int(name: &'static str, arguments: &[Nature]) -> Validated {
        unary(arguments, numeric, Int, wrong_argument(name))
    }

    pub(super) fn float(name: &'static str, arguments: &[Nature]) -> Validated {
        unary(arguments, numeric, Float, wrong_argument(name))
    }

    /// The first list or unknown ends the check; before it only numbers may stand.
    pub(super) fn aggregate(name: &'static str, arguments: &[Nature]) -> Validated {
        let first = arguments
            .first()
            .ok_or_else(|| format!("not enough arguments to call {name}"))?;
        for argument in arguments {
            if argument.is_unknown() || argument.is_array() {
                return Ok(Any.into());
            }
            if !argument.is_number() && !argument.is_duration() {
                return Err(format!("invalid argument for {name} (type {})", shown(argument)));
            }
        }
        Ok(first.go.into())
    }

    pub(super) fn now(_: &'static str, arguments: &[Nature]) -> Validated {
        match arguments {
            [] => Ok(Time.into()),
            [zone] if zone.go == Location => Ok(Time.into()),
            _ => Err(format!(
                "invalid number of arguments (expected 0, got {})",
                arguments.len()
            )),
        }
    }

    pub(super) fn date(_: &'static str, arguments: &[Nature]) -> Validated {
        let count = match arguments {
            [] => return Err("invalid number of arguments (expected at least 1, got 0)".to_owned()),
            [zone, rest @ ..] if zone.go == Location => rest.len(),
            all => all.len(),
        };
        if count > 3 {
            return Err(format!(
                "invalid number of arguments (expected at most 3, got {count})"
            ));
        }
        Ok(Time.into())
    }

    pub(super) fn first(name: &'static str, arguments: &[Nature]) -> Validated {
        let argument = one(arguments)?;
        if argument.is_unknown() {
            return Ok(Any.into());
        }
        if argument.is_array() {
            // The Go type of the items, not what else is known of them.
            return Ok(Nature::from(argument.go).elem());
        }
        Err(format!("cannot get {name} element from {}", shown(argument)))
    }

    pub(super) fn take(_: &'static str, arguments: &[Nature]) -> Validated {
        let [list, count] = arguments else {
            return Err(format!(
                "invalid number of arguments (expected 2, got {})",
                arguments.len()
            ));
        };
        if !list.is_unknown() && !list.is_array() {
            return Err(format!("cannot take from {}", shown(list)));
        }
        if !count.is_unknown() && !count.is_integer() && !count.is_duration() {
            return Err(format!("cannot take {} elements", shown(count)));
        }
        Ok(if list.is_unknown() {
            Any.into()
        } else {
            list.go.into()
        })
    }

    pub(super) fn map_to_list(name: &'static str, arguments: &[Nature]) -> Validated {
        unary(arguments, Nature::is_map, Anys, |given| match name {
            "toPairs" => format!("cannot transform {given} to pairs"),
            _ => format!("cannot get {name} from {given}"),
        })
    }

    pub(super) fn from_pairs(_: &'static str, arguments: &[Nature]) -> Validated {
        unary(arguments, Nature::is_array, AnyAny, |given| {
            format!("cannot transform {given} from pairs")
        })
    }

    pub(super) fn list_to_list(name: &'static str, arguments: &[Nature]) -> Validated {
        unary(arguments, Nature::is_array, Anys, |given| {
            format!("cannot {name} {given}")
        })
    }

    pub(super) fn concat(_: &'static str, arguments: &[Nature]) -> Validated {
        if arguments.is_empty() {
            return Err("invalid number of arguments (expected at least 1, got 0)".to_owned());
        }
        match arguments
            .iter()
            .find(|nature| !nature.is_unknown() && !nature.is_array())
        {
            Some(wrong) => Err(format!("cannot concat {}", shown(wrong))),
            None => Ok(Anys.into()),
        }
    }
}
