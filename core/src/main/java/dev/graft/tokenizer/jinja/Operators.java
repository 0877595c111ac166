package dev.graft.tokenizer.jinja;

import java.util.ArrayList;
import java.util.List;

/// Python's operators between any two values.
final class Operators {

    private Operators() {}

    static Object signed(boolean negative, Object value) {
        if (value instanceof Undefined undefined) {
            throw undefined.used();
        }
        if (!Numbers.isNumber(value)) {
            throw PythonError.type(
                    "bad operand type for unary %s: '%s'".formatted(negative ? "-" : "+", Python.typeName(value)));
        }
        if (value instanceof Double number) {
            return negative ? -number : number;
        }
        return negative ? Numbers.whole(value).negate() : Numbers.whole(value);
    }

    static Object binary(String operator, Object markedLeft, Object markedRight) {
        if (operator.equals("+") && (markedLeft instanceof Markup || markedRight instanceof Markup)) {
            return new Markup(Interpreter.bounded(escaped(markedLeft) + escaped(markedRight)));
        }
        Object left = Markup.plain(markedLeft);
        Object right = Markup.plain(markedRight);
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.binary(operator, left, right);
        }
        Object result = switch (operator) {
            case "+" -> sum(left, right);
            case "*" -> repeated(left, right);
            case "%" -> left instanceof String format ? PercentFormat.format(format, right) : Python.MISSING;
            default -> Python.MISSING;
        };
        if (result != Python.MISSING) {
            return Interpreter.bounded(result);
        }
        for (Object value : new Object[] {left, right}) {
            if (value instanceof Undefined undefined) {
                throw undefined.used();
            }
        }
        throw PythonError.type("unsupported operand type(s) for %s: '%s' and '%s'"
                .formatted(operator, Python.typeName(left), Python.typeName(right)));
    }

    private static String escaped(Object value) {
        return switch (value) {
            case Markup markup -> markup.text();
            case String text -> Markup.escape(text);
            case Undefined undefined -> throw undefined.used();
            case null, default ->
                throw PythonError.type(
                        "unsupported operand type(s) for +: 'Markup' and '%s'".formatted(Python.typeName(value)));
        };
    }

    private static Object sum(Object left, Object right) {
        if (left instanceof String a && right instanceof String b) {
            return a + b;
        }
        if (left instanceof List<?> a && right instanceof List<?> b && !(a instanceof Range) && !(b instanceof Range)) {
            return joined(a, b);
        }
        return left instanceof Tuple a && right instanceof Tuple b
                ? new Tuple(joined(a.items(), b.items()))
                : Python.MISSING;
    }

    private static List<Object> joined(List<?> a, List<?> b) {
        List<Object> all = new ArrayList<>(a);
        all.addAll(b);
        return all;
    }

    private static Object repeated(Object left, Object right) {
        if (Numbers.isWhole(left)) {
            return Numbers.isWhole(right) ? Python.MISSING : repeated(right, left);
        }
        if (!Numbers.isWhole(right)) {
            return Python.MISSING;
        }
        int times = Math.max(0, Numbers.index(right).orElseThrow());
        return switch (left) {
            case String text -> {
                Interpreter.requireBounded((long) text.length() * times);
                yield text.repeat(text.isEmpty() ? 0 : times);
            }
            case Range _ -> Python.MISSING;
            case List<?> list -> repeated(list, times);
            case Tuple tuple -> new Tuple(repeated(tuple.items(), times));
            case null, default -> Python.MISSING;
        };
    }

    private static List<Object> repeated(List<?> items, int times) {
        Interpreter.requireFew((long) items.size() * times);
        List<Object> all = new ArrayList<>();
        for (int i = 0; i < times && !items.isEmpty(); i++) {
            all.addAll(items);
        }
        return all;
    }

    static boolean holds(String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> Python.equal(left, right);
            case "!=" -> !Python.equal(left, right);
            case "in" -> Python.contains(right, left);
            case "not in" -> !Python.contains(right, left);
            default -> ordered(operator, left, right);
        };
    }

    private static boolean ordered(String operator, Object left, Object right) {
        boolean nan = left instanceof Double a && a.isNaN() || right instanceof Double b && b.isNaN();
        int order = Python.compare(operator, left, right);
        return !nan
                && switch (operator) {
                    case "<" -> order < 0;
                    case "<=" -> order <= 0;
                    case ">" -> order > 0;
                    default -> order >= 0;
                };
    }
}
