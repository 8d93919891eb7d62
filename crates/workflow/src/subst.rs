//! Replacing `{{tag}}` and `{{=expression}}` in objects. What an unknown tag means depends on the moment.

use expr::template::{self, Unresolved};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::vars::{Texts, Vars};

/// What to do with tags that no variable answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Leave all in place: a later pass may know them.
    Keep,
    /// `steps.` and `tasks.` must be known, but for artifacts; others stay.
    KeepAllButRefs,
    /// All must be known.
    Refuse,
}

/// Why a text could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A variable is not known (yet); Argo waits for it.
    Missing(String),
    /// It will never work.
    Bad(String),
}

impl Failure {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Missing(message) | Self::Bad(message) => message,
        }
    }
}

impl From<template::Error> for Failure {
    fn from(error: template::Error) -> Self {
        match error {
            template::Error::Missing { message } => Self::Missing(message),
            template::Error::Terminal { message } => Self::Bad(message),
        }
    }
}

impl Unknown {
    fn rule(self) -> Unresolved<'static> {
        match self {
            Self::Keep => Unresolved::Keep,
            Self::KeepAllButRefs => Unresolved::FailFor(&["steps", "tasks"]),
            Self::Refuse => Unresolved::Fail,
        }
    }
}

/// An object with its tags replaced.
pub(crate) fn in_object<T>(object: &T, vars: Vars<'_>, unknown: Unknown) -> Result<T, Failure>
where
    T: Serialize + DeserializeOwned,
{
    Ok(template::substitute_as(
        object,
        &Texts(vars),
        unknown.rule(),
        &mut vars.context(),
    )?)
}

/// A plain string with its tags replaced.
pub(crate) fn in_text(text: &str, vars: Vars<'_>, unknown: Unknown) -> Result<String, Failure> {
    Ok(template::substitute(
        text,
        &Texts(vars),
        unknown.rule(),
        &mut vars.context(),
    )?)
}

/// A JSON value with its tags replaced.
pub(crate) fn in_value(
    value: &serde_json::Value,
    vars: Vars<'_>,
    unknown: Unknown,
) -> Result<serde_json::Value, Failure> {
    Ok(template::substitute_json(
        value,
        &Texts(vars),
        unknown.rule(),
        &mut vars.context(),
    )?)
}
