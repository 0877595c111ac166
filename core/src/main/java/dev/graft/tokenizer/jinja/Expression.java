package dev.graft.tokenizer.jinja;

import java.util.List;
import java.util.Optional;

/// What stands between `{{` and `}}`, and in tags: something with a value. Each knows its line.
sealed interface Expression {

    int line();

    record Constant(int line, Object value) implements Expression {}

    record Name(int line, String name) implements Expression {}

    record ListOf(int line, List<Expression> items) implements Expression {}

    record TupleOf(int line, List<Expression> items) implements Expression {}

    record DictOf(int line, List<Expression> keys, List<Expression> values) implements Expression {}

    /// `owner.name`
    record Attribute(int line, Expression owner, String name) implements Expression {}

    /// `owner[index]`
    record Item(int line, Expression owner, Expression index) implements Expression {}

    /// `start:stop:step` between the brackets of an index.
    record SliceOf(int line, Optional<Expression> start, Optional<Expression> stop, Optional<Expression> step)
            implements Expression {}

    record Call(int line, Expression callee, Passed arguments) implements Expression {}

    /// `input | name(arguments)`; in `{% filter %}` the input is the block, then it is empty.
    record Filter(int line, Optional<Expression> input, String name, Passed arguments) implements Expression {}

    /// `value is name(arguments)`
    record Test(int line, Expression value, String name, Passed arguments) implements Expression {}

    record Signed(int line, boolean negative, Expression value) implements Expression {}

    record Binary(int line, String operator, Expression left, Expression right) implements Expression {}

    /// `a ~ b ~ c`
    record Concat(int line, List<Expression> parts) implements Expression {}

    /// `a < b <= c`: every neighbour fulfils its operator.
    record Compare(int line, Expression first, List<String> operators, List<Expression> others) implements Expression {}

    record And(int line, Expression left, Expression right) implements Expression {}

    record Or(int line, Expression left, Expression right) implements Expression {}

    record Not(int line, Expression value) implements Expression {}

    /// `then if condition else otherwise`
    record Conditional(int line, Expression condition, Expression then, Optional<Expression> otherwise)
            implements Expression {}

    /// The arguments of a call as written: by place, by name, `*more`, `**more`.
    record Passed(
            List<Expression> positional,
            List<String> names,
            List<Expression> named,
            Optional<Expression> morePositional,
            Optional<Expression> moreNamed) {

        static final Passed NONE = new Passed(List.of(), List.of(), List.of(), Optional.empty(), Optional.empty());
    }
}
