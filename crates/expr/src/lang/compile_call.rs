//! The compiler's part for the functions of the language, and the loops that those with predicates are.

use super::ast::Builtin;
use super::builtins;
use super::compile::{Compiled, Compiler, small};
use super::error::Fault;
use super::program::Op;
use super::value::Value;

impl Compiler<'_> {
    pub(super) fn builtin(&mut self, builtin: &Builtin) -> Compiled {
        if let Some(native) = builtins::find(&builtin.name) {
            self.visit_all(&builtin.arguments)?;
            self.emit(Op::Native(native, small(builtin.arguments.len())));
            return Ok(());
        }
        let Some((&list, _)) = builtin.arguments.split_first() else {
            return self.unknown(builtin);
        };
        self.visit(list)?;
        self.emit(Op::Begin);
        match &*builtin.name {
            "all" => self.decide(builtin, false, false, true)?,
            "none" => self.decide(builtin, true, false, true)?,
            "any" => self.decide(builtin, false, true, false)?,
            "one" => self.one(builtin)?,
            "filter" => self.filter(builtin)?,
            "map" => self.map(builtin)?,
            "count" => self.count(builtin)?,
            "sum" => self.sum(builtin)?,
            "find" | "findIndex" => self.find(builtin, false)?,
            "findLast" | "findLastIndex" => self.find(builtin, true)?,
            "groupBy" => self.group(builtin)?,
            "sortBy" => self.sort(builtin)?,
            "reduce" => self.reduce(builtin)?,
            _ => return self.unknown(builtin),
        }
        Ok(())
    }

    fn unknown(&self, builtin: &Builtin) -> Compiled {
        Err(Fault::new(
            super::error::Span::default(),
            format!("unknown builtin {}", builtin.name),
        ))
    }

    /// The predicate, or the item itself where there is none.
    fn predicate(&mut self, builtin: &Builtin) -> Compiled {
        match builtin.arguments.get(1) {
            Some(predicate) => self.visit(*predicate),
            None => {
                self.emit(Op::PushItem);
                Ok(())
            }
        }
    }

    fn loop_over(&mut self, body: impl FnOnce(&mut Self) -> Compiled) -> Compiled {
        let start = self.here();
        let end = self.jump(Op::JumpIfEnd);
        body(self)?;
        self.emit(Op::NextIndex);
        self.emit(Op::Jump(start));
        self.land(end);
        Ok(())
    }

    fn loop_backwards(&mut self, body: impl FnOnce(&mut Self) -> Compiled) -> Compiled {
        // Each turn leaves what it compared on the stack, below what the loop answers: expr-lang's loops do, and
        // an operator around them sees it.
        self.emit(Op::LastIndex);
        let start = self.here();
        self.emit(Op::PushIndex);
        self.push(Value::Int(0));
        self.emit(Op::Binary(super::ast::Binary::GreaterOrEqual));
        let end = self.jump(Op::JumpIfFalse);
        body(self)?;
        self.emit(Op::PreviousIndex);
        self.emit(Op::Jump(start));
        self.land(end);
        Ok(())
    }

    /// Runs `body` where the value on the stack, which goes, is true.
    fn when_true(&mut self, body: impl FnOnce(&mut Self) -> Compiled) -> Compiled {
        let no = self.jump(Op::JumpIfFalse);
        self.emit(Op::Pop);
        body(self)?;
        let end = self.jump(Op::Jump);
        self.land(no);
        self.emit(Op::Pop);
        self.land(end);
        Ok(())
    }

    /// `all`, `none`, `any`: the first item that is `decisive` settles it.
    fn decide(&mut self, builtin: &Builtin, negate: bool, decisive: bool, otherwise: bool) -> Compiled {
        let mut settled = None;
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            if negate {
                compiler.emit(Op::Not);
            }
            let jump: fn(u32) -> Op = if decisive { Op::JumpIfTrue } else { Op::JumpIfFalse };
            settled = Some(compiler.jump(jump));
            compiler.emit(Op::Pop);
            Ok(())
        })?;
        self.push(Value::Bool(otherwise));
        if let Some(settled) = settled {
            self.land(settled);
        }
        self.emit(Op::End);
        Ok(())
    }

    fn one(&mut self, builtin: &Builtin) -> Compiled {
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.when_true(|compiler| {
                compiler.emit(Op::Count);
                Ok(())
            })
        })?;
        self.emit(Op::PushCount);
        self.push(Value::Int(1));
        self.emit(Op::EqualInt);
        self.emit(Op::End);
        Ok(())
    }

    /// The item itself, or what the optimiser says it becomes.
    fn chosen(&mut self, builtin: &Builtin) -> Compiled {
        match builtin.map {
            Some(map) => self.visit(map),
            None => {
                self.emit(Op::PushItem);
                Ok(())
            }
        }
    }

    fn filter(&mut self, builtin: &Builtin) -> Compiled {
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.when_true(|compiler| {
                compiler.emit(Op::Count);
                compiler.chosen(builtin)
            })
        })?;
        self.emit(Op::PushCount);
        self.emit(Op::End);
        self.emit(Op::Array(None));
        Ok(())
    }

    fn map(&mut self, builtin: &Builtin) -> Compiled {
        self.loop_over(|compiler| compiler.predicate(builtin))?;
        self.emit(Op::PushLength);
        self.emit(Op::End);
        self.emit(Op::Array(None));
        Ok(())
    }

    fn count(&mut self, builtin: &Builtin) -> Compiled {
        let mut enough = None;
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.when_true(|compiler| {
                compiler.emit(Op::Count);
                if let Some(threshold) = builtin.threshold {
                    compiler.emit(Op::PushCount);
                    compiler.push(Value::Int(threshold));
                    compiler.emit(Op::Binary(super::ast::Binary::GreaterOrEqual));
                    enough = Some(compiler.jump(Op::JumpIfTrue));
                    compiler.emit(Op::Pop);
                }
                Ok(())
            })
        })?;
        self.emit(Op::PushCount);
        if let Some(enough) = enough {
            let end = self.jump(Op::Jump);
            self.land(enough);
            self.emit(Op::Pop);
            self.emit(Op::PushCount);
            self.land(end);
        }
        self.emit(Op::End);
        Ok(())
    }

    fn sum(&mut self, builtin: &Builtin) -> Compiled {
        self.push(Value::Int(0));
        self.emit(Op::SetAccumulator);
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.emit(Op::PushAccumulator);
            compiler.emit(Op::Binary(super::ast::Binary::Add));
            compiler.emit(Op::SetAccumulator);
            Ok(())
        })?;
        self.emit(Op::PushAccumulator);
        self.emit(Op::End);
        Ok(())
    }

    /// `find`, `findIndex` and their mirror images.
    fn find(&mut self, builtin: &Builtin, backwards: bool) -> Compiled {
        let wants_index = builtin.name.ends_with("Index");
        let mut found = None;
        let body = |compiler: &mut Self| {
            compiler.predicate(builtin)?;
            let no = compiler.jump(Op::JumpIfFalse);
            compiler.emit(Op::Pop);
            if wants_index {
                compiler.emit(Op::PushIndex);
            } else {
                compiler.chosen(builtin)?;
            }
            found = Some(compiler.jump(Op::Jump));
            compiler.land(no);
            compiler.emit(Op::Pop);
            Ok(())
        };
        if backwards {
            self.loop_backwards(body)?;
        } else {
            self.loop_over(body)?;
        }
        if builtin.throws {
            let message = self.constant("reflect: slice index out of range".into());
            self.emit(Op::Throw(message));
        } else {
            self.push(Value::Nil);
        }
        if let Some(found) = found {
            self.land(found);
        }
        self.emit(Op::End);
        Ok(())
    }

    fn group(&mut self, builtin: &Builtin) -> Compiled {
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.emit(Op::Group);
            Ok(())
        })?;
        self.emit(Op::PushGroups);
        self.emit(Op::End);
        Ok(())
    }

    fn sort(&mut self, builtin: &Builtin) -> Compiled {
        match builtin.arguments.get(2) {
            Some(order) => self.visit(*order)?,
            None => self.push("asc".into()),
        }
        self.emit(Op::BeginSort);
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.emit(Op::SortItem);
            Ok(())
        })?;
        self.emit(Op::PushSorted);
        self.emit(Op::End);
        Ok(())
    }

    fn reduce(&mut self, builtin: &Builtin) -> Compiled {
        if let Some(&initial) = builtin.arguments.get(2) {
            self.visit(initial)?;
            self.emit(Op::SetAccumulator);
        } else {
            self.first_as_accumulator();
        }
        self.loop_over(|compiler| {
            compiler.predicate(builtin)?;
            compiler.emit(Op::SetAccumulator);
            Ok(())
        })?;
        self.emit(Op::PushAccumulator);
        self.emit(Op::End);
        Ok(())
    }

    fn first_as_accumulator(&mut self) {
        let empty = self.jump(Op::JumpIfEnd);
        self.emit(Op::PushItem);
        self.emit(Op::NextIndex);
        self.emit(Op::SetAccumulator);
        let end = self.jump(Op::Jump);
        self.land(empty);
        let message = self.constant("reduce of empty array with no initial value".into());
        self.emit(Op::Throw(message));
        self.land(end);
    }
}
