package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Expression.Passed;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The values of expressions.
final class Evaluator {
    private final Interpreter interpreter;

    Evaluator(Interpreter interpreter) {
        this.interpreter = interpreter;
    }

    /// The value of an expression, without the mark of `safe`.
    Object value(Expression expression, Scope scope) {
        return Markup.plain(marked(expression, scope));
    }

    Object marked(Expression expression, Scope scope) {
        interpreter.step(expression.line());
        return switch (expression) {
            case Expression.Constant constant -> constant.value();
            case Expression.Name name -> scope.get(name.name());
            case Expression.ListOf list -> values(list.items(), scope);
            case Expression.TupleOf tuple -> new Tuple(values(tuple.items(), scope));
            case Expression.DictOf dict -> dict(dict, scope);
            case Expression.Attribute attribute -> {
                Object owner = value(attribute.owner(), scope);
                interpreter.step(attribute.line());
                yield Access.attribute(owner, attribute.name());
            }
            case Expression.Item item -> {
                Object owner = value(item.owner(), scope);
                Object index = value(item.index(), scope);
                interpreter.step(item.line());
                yield Access.item(owner, index);
            }
            case Expression.SliceOf slice ->
                new Slice(value(slice.start(), scope), value(slice.stop(), scope), value(slice.step(), scope));
            case Expression.Call call -> call(call, null, scope);
            case Expression.Filter filter ->
                filter(filter, marked(filter.input().orElseThrow(), scope), scope);
            case Expression.Test test -> test(test, scope);
            case Expression.Signed signed -> Operators.signed(signed.negative(), value(signed.value(), scope));
            case Expression.Binary binary -> binary(binary, scope);
            case Expression.Concat concat -> concat(concat, scope);
            case Expression.Compare compare -> compare(compare, scope);
            case Expression.And and -> {
                Object left = marked(and.left(), scope);
                yield Python.truth(left) ? marked(and.right(), scope) : left;
            }
            case Expression.Or or -> {
                Object left = marked(or.left(), scope);
                yield Python.truth(left) ? left : marked(or.right(), scope);
            }
            case Expression.Not not -> !Python.truth(value(not.value(), scope));
            case Expression.Conditional conditional -> conditional(conditional, scope);
        };
    }

    private Object value(Optional<Expression> expression, Scope scope) {
        return expression.isPresent() ? value(expression.get(), scope) : null;
    }

    private List<Object> values(List<Expression> expressions, Scope scope) {
        List<Object> values = new ArrayList<>();
        for (Expression expression : expressions) {
            values.add(value(expression, scope));
        }
        return values;
    }

    private Map<Object, Object> dict(Expression.DictOf dict, Scope scope) {
        Map<Object, Object> values = new LinkedHashMap<>();
        for (int i = 0; i < dict.keys().size(); i++) {
            Python.put(
                    values,
                    value(dict.keys().get(i), scope),
                    value(dict.values().get(i), scope));
        }
        return values;
    }

    private Object binary(Expression.Binary binary, Scope scope) {
        Object left = marked(binary.left(), scope);
        Object right = marked(binary.right(), scope);
        interpreter.step(binary.line());
        return Operators.binary(binary.operator(), left, right);
    }

    private Object concat(Expression.Concat concat, Scope scope) {
        StringBuilder text = new StringBuilder();
        for (Expression part : concat.parts()) {
            text.append(Python.str(value(part, scope)));
        }
        return Interpreter.bounded(text.toString());
    }

    private Object compare(Expression.Compare compare, Scope scope) {
        Object left = value(compare.first(), scope);
        for (int i = 0; i < compare.operators().size(); i++) {
            Object right = value(compare.others().get(i), scope);
            interpreter.step(compare.line());
            if (!Operators.holds(compare.operators().get(i), left, right)) {
                return false;
            }
            left = right;
        }
        return true;
    }

    private Object conditional(Expression.Conditional conditional, Scope scope) {
        if (Python.truth(value(conditional.condition(), scope))) {
            return marked(conditional.then(), scope);
        }
        return conditional.otherwise().isPresent()
                ? marked(conditional.otherwise().get(), scope)
                : new Undefined("the inline if-expression on line %d evaluated to false and has no else"
                        .formatted(conditional.line()));
    }

    /// The chain of filters `expression` with a text at its beginning.
    Object filtered(Expression expression, String text, Scope scope) {
        Expression.Filter filter = (Expression.Filter) expression;
        Object input = filter.input().isPresent() ? filtered(filter.input().get(), text, scope) : text;
        return filter(filter, input, scope);
    }

    private Object filter(Expression.Filter filter, Object input, Scope scope) {
        Arguments arguments = arguments("filter " + filter.name(), filter.arguments(), null, scope);
        interpreter.step(filter.line());
        return Interpreter.bounded(Filters.named(filter.name()).apply(interpreter, input, arguments));
    }

    private Object test(Expression.Test test, Scope scope) {
        Object value = value(test.value(), scope);
        Arguments arguments = arguments("test " + test.name(), test.arguments(), null, scope);
        interpreter.step(test.line());
        return Tests.named(test.name()).holds(value, arguments);
    }

    /// @param caller  the body of a `{% call %}`; null for a plain call
    Object call(Expression.Call call, Macro caller, Scope scope) {
        Object callee = value(call.callee(), scope);
        Arguments arguments = arguments(shown(call.callee()), call.arguments(), caller, scope);
        interpreter.step(call.line());
        if (callee instanceof Undefined undefined) {
            throw undefined.used();
        }
        if (!(callee instanceof Callable callable)) {
            throw PythonError.type("'%s' object is not callable".formatted(Python.typeName(callee)));
        }
        return Interpreter.bounded(callable.call(interpreter, arguments));
    }

    private static String shown(Expression callee) {
        return switch (callee) {
            case Expression.Name name -> name.name() + "()";
            case Expression.Attribute attribute -> attribute.name() + "()";
            default -> "the call";
        };
    }

    private Arguments arguments(String callee, Passed passed, Macro caller, Scope scope) {
        List<Object> positional = new ArrayList<>(values(passed.positional(), scope));
        Map<String, Object> named = new LinkedHashMap<>();
        for (int i = 0; i < passed.names().size(); i++) {
            named.put(passed.names().get(i), value(passed.named().get(i), scope));
        }
        passed.morePositional().ifPresent(more -> positional.addAll(Python.items(value(more, scope))));
        passed.moreNamed().ifPresent(more -> {
            if (!(value(more, scope) instanceof Map<?, ?> dict)) {
                throw PythonError.type("%s: the argument after ** must be a dict".formatted(callee));
            }
            dict.forEach((key, value) -> named.put(Python.str(key), value));
        });
        if (caller != null) {
            named.put("caller", caller);
        }
        return new Arguments(callee, positional, named);
    }
}
