package dev.graft.tokenizer.jinja;

import java.util.List;
import java.util.Optional;

/// A part of a template that writes text or changes what later parts see. Each knows its line.
sealed interface Statement {

    int line();

    /// Text as it stands.
    record Data(int line, String text) implements Statement {}

    /// `{{ value }}`
    record Output(int line, Expression value) implements Statement {}

    /// `{% for target in values if condition recursive %} body {% else %} otherwise {% endfor %}`
    record For(
            int line,
            Target target,
            Expression values,
            Optional<Expression> condition,
            boolean recursive,
            List<Statement> body,
            List<Statement> otherwise)
            implements Statement {}

    /// `{% if %}`, with `{% elif %}` as an if within `otherwise`.
    record If(int line, Expression condition, List<Statement> body, List<Statement> otherwise) implements Statement {}

    /// `{% set target = value %}`
    record Set(int line, Target target, Expression value) implements Statement {}

    /// `{% set target | filter %} body {% endset %}`
    record SetBlock(int line, Target target, Optional<Expression> filter, List<Statement> body) implements Statement {}

    /// `{% macro name(parameters) %}`
    record MacroOf(int line, String name, Signature signature, List<Statement> body) implements Statement {}

    /// `{% call(parameters) callee(…) %} body {% endcall %}`
    record CallBlock(int line, Expression.Call call, Signature signature, List<Statement> body) implements Statement {}

    /// `{% filter f | g %} body {% endfilter %}`
    record FilterBlock(int line, Expression filter, List<Statement> body) implements Statement {}

    /// `{% with a = 1, b = 2 %} body {% endwith %}`
    record With(int line, List<Target> targets, List<Expression> values, List<Statement> body) implements Statement {}

    /// `{% generation %} body {% endgeneration %}`: what the assistant says.
    record Generation(int line, List<Statement> body) implements Statement {}

    record Break(int line) implements Statement {}

    record Continue(int line) implements Statement {}

    /// The parameters of a macro; the last ones have defaults.
    ///
    /// @param extras  which of `caller`, `varargs` and `kwargs` its body reads; only those may be given to
    ///                it
    record Signature(List<String> names, List<Expression> defaults, java.util.Set<String> extras) {}

    /// What a value is assigned to.
    sealed interface Target {

        record Variable(String name) implements Target {}

        /// `namespace.name`
        record Member(String namespace, String name) implements Target {}

        record Several(List<Target> targets) implements Target {}
    }
}
