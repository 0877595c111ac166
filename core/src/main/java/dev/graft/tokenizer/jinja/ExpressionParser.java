package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Expression.Passed;
import dev.graft.tokenizer.jinja.Token.Kind;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Expressions by Jinja's grammar, from the loosest binding down: conditional, `or`, `and`, `not`,
/// comparison, `+ -`, `~`, `* / // %`, `**`, sign, then what follows a value: `.name`, `[index]`,
/// `(call)`, `| filter`, `is test`.
final class ExpressionParser {
    private static final Set<String> COMPARISONS = Set.of("==", "!=", "<", "<=", ">", ">=");
    private static final Set<String> PRODUCTS = Set.of("*", "/", "//", "%");

    private final Tokens tokens;
    /// Within an `if` an unknown filter or test matters only once it is reached.
    private int conditional;
    private Set<String> namesRead = new HashSet<>();

    ExpressionParser(Tokens tokens) {
        this.tokens = tokens;
    }

    /// From here on, the names that expressions read are gathered anew; returns those gathered so far.
    Set<String> startNames() {
        Set<String> outer = namesRead;
        namesRead = new HashSet<>();
        return outer;
    }

    /// The names gathered since [#startNames], which returned `outer`.
    Set<String> endNames(Set<String> outer) {
        Set<String> inner = new HashSet<>(namesRead);
        namesRead.addAll(outer);
        return inner;
    }

    void enterConditional() {
        conditional++;
    }

    void leaveConditional() {
        conditional--;
    }

    Expression expression() {
        int line = tokens.line();
        Expression value = or();
        while (tokens.skipName("if")) {
            conditional++;
            Expression condition = or();
            Optional<Expression> otherwise = tokens.skipName("else") ? Optional.of(expression()) : Optional.empty();
            conditional--;
            value = new Expression.Conditional(line, condition, value, otherwise);
            line = tokens.line();
        }
        return value;
    }

    /// An expression without a condition behind it, as `for x in values if condition` needs.
    Expression or() {
        int line = tokens.line();
        Expression left = and();
        while (tokens.skipName("or")) {
            left = new Expression.Or(line, left, and());
        }
        return left;
    }

    private Expression and() {
        int line = tokens.line();
        Expression left = not();
        while (tokens.skipName("and")) {
            left = new Expression.And(line, left, not());
        }
        return left;
    }

    private Expression not() {
        int line = tokens.line();
        return tokens.skipName("not") ? new Expression.Not(line, not()) : comparison();
    }

    private Expression comparison() {
        int line = tokens.line();
        Expression first = sum();
        List<String> operators = new ArrayList<>();
        List<Expression> others = new ArrayList<>();
        while (true) {
            if (tokens.isAt(Kind.OPERATOR)
                    && COMPARISONS.contains(tokens.current().text())) {
                operators.add(tokens.next().text());
            } else if (tokens.skipName("in")) {
                operators.add("in");
            } else if (tokens.isAtName("not") && tokens.following().isName("in")) {
                tokens.next();
                tokens.next();
                operators.add("not in");
            } else {
                break;
            }
            others.add(sum());
        }
        return operators.isEmpty() ? first : new Expression.Compare(line, first, operators, others);
    }

    private Expression sum() {
        int line = tokens.line();
        Expression left = concat();
        while (tokens.isAt("+") || tokens.isAt("-")) {
            left = new Expression.Binary(line, tokens.next().text(), left, concat());
        }
        return left;
    }

    private Expression concat() {
        int line = tokens.line();
        List<Expression> parts = new ArrayList<>(List.of(product()));
        while (tokens.skip("~")) {
            parts.add(product());
        }
        return parts.size() == 1 ? parts.getFirst() : new Expression.Concat(line, parts);
    }

    private Expression product() {
        int line = tokens.line();
        Expression left = power();
        while (tokens.isAt(Kind.OPERATOR) && PRODUCTS.contains(tokens.current().text())) {
            left = new Expression.Binary(line, tokens.next().text(), left, power());
        }
        return left;
    }

    private Expression power() {
        int line = tokens.line();
        Expression left = unary(true);
        while (tokens.skip("**")) {
            left = new Expression.Binary(line, "**", left, unary(true));
        }
        return left;
    }

    private Expression unary(boolean withFilters) {
        int line = tokens.line();
        Expression value;
        if (tokens.isAt("-") || tokens.isAt("+")) {
            value = new Expression.Signed(line, tokens.next().is("-"), unary(false));
        } else {
            value = primary();
        }
        value = postfix(value);
        return withFilters ? filters(value) : value;
    }

    private Expression primary() {
        Token token = tokens.current();
        int line = token.line();
        switch (token.kind()) {
            case NAME -> {
                tokens.next();
                return switch (token.text()) {
                    case "true", "True" -> new Expression.Constant(line, true);
                    case "false", "False" -> new Expression.Constant(line, false);
                    case "none", "None" -> new Expression.Constant(line, null);
                    default -> {
                        namesRead.add(token.text());
                        yield new Expression.Name(line, identifier(token));
                    }
                };
            }
            case STRING -> {
                StringBuilder text = new StringBuilder();
                while (tokens.isAt(Kind.STRING)) {
                    text.append(tokens.next().text());
                }
                return new Expression.Constant(line, text.toString());
            }
            case INTEGER -> {
                tokens.next();
                return new Expression.Constant(line, whole(token));
            }
            case FLOAT -> {
                tokens.next();
                return new Expression.Constant(line, Double.parseDouble(token.text()));
            }
            default -> {
                return enclosed();
            }
        }
    }

    private static Object whole(Token token) {
        return token.text().startsWith("0") ? Numbers.parseWhole(token.text(), 0) : new BigInteger(token.text());
    }

    static String identifier(Token token) {
        if (!Character.isUnicodeIdentifierStart(token.text().codePointAt(0))
                && !token.text().startsWith("_")) {
            throw TemplateException.at(token.line(), "'%s' is no name".formatted(token.text()));
        }
        return token.text();
    }

    private Expression enclosed() {
        int line = tokens.line();
        if (tokens.skip("(")) {
            Expression value = tokens.isAt(")") ? new Expression.TupleOf(line, List.of()) : tuple(")");
            tokens.expect(")");
            return value;
        }
        if (tokens.skip("[")) {
            List<Expression> items = new ArrayList<>();
            while (!tokens.isAt("]")) {
                items.add(expression());
                if (!tokens.isAt("]")) {
                    tokens.expect(",");
                }
            }
            tokens.expect("]");
            return new Expression.ListOf(line, items);
        }
        if (tokens.skip("{")) {
            return dict(line);
        }
        throw tokens.unexpected("a value");
    }

    private Expression dict(int line) {
        List<Expression> keys = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.isAt("}")) {
            keys.add(expression());
            tokens.expect(":");
            values.add(expression());
            if (!tokens.isAt("}")) {
                tokens.expect(",");
            }
        }
        tokens.expect("}");
        return new Expression.DictOf(line, keys, values);
    }

    /// One expression, or several with commas as a tuple; a comma may end it.
    ///
    /// @param end  the operator behind it; empty where a tag or variable ends
    Expression tuple(String end) {
        int line = tokens.line();
        Expression first = expression();
        if (!tokens.isAt(",")) {
            return first;
        }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (tokens.skip(",") && !isTupleEnd(end)) {
            items.add(expression());
        }
        return new Expression.TupleOf(line, items);
    }

    private boolean isTupleEnd(String end) {
        return tokens.isAt(Kind.VARIABLE_END)
                || tokens.isAt(Kind.BLOCK_END)
                || tokens.isAt(end)
                || tokens.isAtName("recursive") && end.isEmpty();
    }

    Expression postfix(Expression value) {
        Expression result = value;
        while (true) {
            int line = tokens.line();
            if (tokens.skip(".")) {
                Token part = tokens.next();
                result = switch (part.kind()) {
                    case NAME -> new Expression.Attribute(line, result, part.text());
                    case INTEGER ->
                        new Expression.Item(line, result, new Expression.Constant(line, new BigInteger(part.text())));
                    default ->
                        throw TemplateException.at(
                                line, "unexpected %s behind the dot; expected a name".formatted(part.shown()));
                };
            } else if (tokens.skip("[")) {
                result = new Expression.Item(line, result, index());
                tokens.expect("]");
            } else if (tokens.isAt("(")) {
                result = new Expression.Call(line, result, passed());
            } else {
                return result;
            }
        }
    }

    private Expression index() {
        int line = tokens.line();
        List<Expression> parts = new ArrayList<>();
        do {
            parts.add(indexPart());
        } while (tokens.skip(","));
        return parts.size() == 1 ? parts.getFirst() : new Expression.TupleOf(line, parts);
    }

    private Expression indexPart() {
        int line = tokens.line();
        Optional<Expression> start = tokens.isAt(":") ? Optional.empty() : Optional.of(expression());
        if (!tokens.skip(":")) {
            return start.orElseThrow();
        }
        Optional<Expression> stop = sliceEnd();
        Optional<Expression> step = tokens.skip(":") ? sliceEnd() : Optional.empty();
        return new Expression.SliceOf(line, start, stop, step);
    }

    private Optional<Expression> sliceEnd() {
        return tokens.isAt(":") || tokens.isAt("]") || tokens.isAt(",") ? Optional.empty() : Optional.of(expression());
    }

    private Passed passed() {
        tokens.expect("(");
        List<Expression> positional = new ArrayList<>();
        List<String> names = new ArrayList<>();
        List<Expression> named = new ArrayList<>();
        Optional<Expression> morePositional = Optional.empty();
        Optional<Expression> moreNamed = Optional.empty();
        while (!tokens.isAt(")")) {
            if (tokens.isAt(Kind.NAME) && tokens.following().is("=")) {
                names.add(tokens.next().text());
                tokens.next();
                named.add(expression());
            } else if (morePositional.isEmpty() && tokens.skip("*")) {
                morePositional = Optional.of(expression());
            } else if (moreNamed.isEmpty() && tokens.skip("**")) {
                moreNamed = Optional.of(expression());
            } else if (names.isEmpty() && morePositional.isEmpty() && moreNamed.isEmpty()) {
                positional.add(expression());
            } else {
                throw tokens.unexpected("no argument without a name behind those with one");
            }
            if (!tokens.isAt(")")) {
                tokens.expect(",");
            }
        }
        tokens.expect(")");
        return new Passed(positional, names, named, morePositional, moreNamed);
    }

    private Expression filters(Expression value) {
        Expression result = value;
        while (true) {
            if (tokens.isAt("|")) {
                result = filter(Optional.of(result));
            } else if (tokens.isAtName("is")) {
                result = test(result);
            } else if (tokens.isAt("(")) {
                result = new Expression.Call(tokens.line(), result, passed());
            } else {
                return result;
            }
        }
    }

    /// `f | g(…)` behind `{% filter`: the first without a bar before it.
    Expression filterChain() {
        Expression result = namedFilter(Optional.empty());
        while (tokens.isAt("|")) {
            result = filter(Optional.of(result));
        }
        return result;
    }

    private Expression filter(Optional<Expression> input) {
        tokens.expect("|");
        return namedFilter(input);
    }

    private Expression namedFilter(Optional<Expression> input) {
        int line = tokens.line();
        String name = dottedName("the name of a filter");
        if (!Filters.isKnown(name) && conditional == 0) {
            throw TemplateException.at(line, Filters.unknown(name));
        }
        Passed arguments = tokens.isAt("(") ? passed() : Passed.NONE;
        return new Expression.Filter(line, input, name, arguments);
    }

    private String dottedName(String expected) {
        StringBuilder name =
                new StringBuilder(tokens.expect(Kind.NAME, expected).text());
        while (tokens.skip(".")) {
            name.append('.').append(tokens.expect(Kind.NAME, "a name").text());
        }
        return name.toString();
    }

    private Expression test(Expression value) {
        int line = tokens.line();
        tokens.expectName("is");
        boolean negated = tokens.skipName("not");
        String name = dottedName("the name of a test");
        if (!Tests.isKnown(name) && conditional == 0) {
            throw TemplateException.at(line, Tests.unknown(name));
        }
        Passed arguments = Passed.NONE;
        if (tokens.isAt("(")) {
            arguments = passed();
        } else if (startsArgument()) {
            if (tokens.isAtName("is")) {
                throw TemplateException.at(tokens.line(), "tests cannot be chained with \"is\"");
            }
            arguments =
                    new Passed(List.of(postfix(primary())), List.of(), List.of(), Optional.empty(), Optional.empty());
        }
        Expression test = new Expression.Test(line, value, name, arguments);
        return negated ? new Expression.Not(line, test) : test;
    }

    private boolean startsArgument() {
        Token token = tokens.current();
        return switch (token.kind()) {
            case NAME -> !Set.of("else", "or", "and").contains(token.text());
            case STRING, INTEGER, FLOAT -> true;
            default -> token.is("[") || token.is("{");
        };
    }
}
