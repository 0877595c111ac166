package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Statement.Signature;
import dev.graft.tokenizer.jinja.Statement.Target;
import dev.graft.tokenizer.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Templates by Jinja's grammar: text, `{{ … }}` and the tags, with those of `loopcontrols` and `{%
/// generation %}`.
final class Parser {
    private static final Set<String> OF_SEVERAL_FILES = Set.of("extends", "include", "import", "from", "block");

    private final Tokens tokens;
    private final ExpressionParser expressions;
    private int loops;

    private Parser(Tokens tokens) {
        this.tokens = tokens;
        this.expressions = new ExpressionParser(tokens);
    }

    static List<Statement> parse(String source) {
        try {
            Parser parser = new Parser(new Tokens(Lexer.tokens(source)));
            List<Statement> all = parser.body(Set.of());
            if (!parser.tokens.isAt(Kind.END)) {
                throw parser.tokens.unexpected("the end of the template");
            }
            return all;
        } catch (StackOverflowError e) {
            throw TemplateException.at(1, "the template is nested too deeply to be read");
        }
    }

    /// Statements up to a tag with one of these names, or up to the end where there are none; that tag's
    /// name is then the current token.
    private List<Statement> body(Set<String> ends) {
        List<Statement> all = new ArrayList<>();
        while (true) {
            int line = tokens.line();
            switch (tokens.current().kind()) {
                case DATA -> all.add(new Statement.Data(line, tokens.next().text()));
                case VARIABLE_BEGIN -> {
                    tokens.next();
                    all.add(new Statement.Output(line, expressions.tuple("")));
                    tokens.expect(Kind.VARIABLE_END, "the end of the variable, }}");
                }
                case BLOCK_BEGIN -> {
                    tokens.next();
                    if (tokens.isAt(Kind.NAME) && ends.contains(tokens.current().text())) {
                        return all;
                    }
                    all.add(tag(ends));
                    closeTag();
                }
                default -> {
                    if (!ends.isEmpty()) {
                        throw tokens.unexpected("{%% %s %%}".formatted(String.join(" %} or {% ", ends)));
                    }
                    return all;
                }
            }
        }
    }

    private void closeTag() {
        tokens.expect(Kind.BLOCK_END, "the end of the tag, %}");
    }

    /// The statements up to the tag `end`, which is read but for its `%}`.
    private List<Statement> bodyUntil(String end) {
        closeTag();
        List<Statement> body = body(Set.of(end));
        tokens.next();
        return body;
    }

    private Statement tag(Set<String> ends) {
        Token name = tokens.expect(Kind.NAME, "the name of a tag");
        int line = name.line();
        return switch (name.text()) {
            case "for" -> loop(line);
            case "if" -> condition(line);
            case "set" -> set(line);
            case "macro" -> macro(line);
            case "call" -> call(line);
            case "filter" -> new Statement.FilterBlock(line, expressions.filterChain(), bodyUntil("endfilter"));
            case "with" -> with(line);
            case "generation" -> new Statement.Generation(line, bodyUntil("endgeneration"));
            case "print" -> print(line);
            case "break" -> {
                requireLoop(name);
                yield new Statement.Break(line);
            }
            case "continue" -> {
                requireLoop(name);
                yield new Statement.Continue(line);
            }
            default -> throw TemplateException.at(line, unknownTag(name.text(), ends));
        };
    }

    /// Values with commas between them, one behind the other.
    private Statement print(int line) {
        List<Expression> parts = new ArrayList<>();
        while (!tokens.isAt(Kind.BLOCK_END)) {
            if (!parts.isEmpty()) {
                tokens.expect(",");
            }
            parts.add(expressions.expression());
        }
        return new Statement.Output(line, new Expression.Concat(line, parts));
    }

    private static String unknownTag(String name, Set<String> ends) {
        if (OF_SEVERAL_FILES.contains(name)) {
            return "the tag '%s' joins several templates; a chat template stands alone".formatted(name);
        }
        return ends.isEmpty()
                ? "there is no tag '%s'".formatted(name)
                : "there is no tag '%s'; the innermost open block ends with '%s'"
                        .formatted(name, String.join("' or '", ends));
    }

    private void requireLoop(Token name) {
        if (loops == 0) {
            throw TemplateException.at(name.line(), "'%s' outside a loop".formatted(name.text()));
        }
    }

    private Statement loop(int line) {
        Target target = target("in");
        requireNotLoop(target, line);
        tokens.expectName("in");
        Expression values = unconditional();
        Optional<Expression> condition =
                tokens.skipName("if") ? Optional.of(expressions.expression()) : Optional.empty();
        boolean recursive = tokens.skipName("recursive");
        closeTag();
        loops++;
        List<Statement> body = body(Set.of("else", "endfor"));
        loops--;
        List<Statement> otherwise = tokens.next().isName("else") ? bodyUntil("endfor") : List.of();
        return new Statement.For(line, target, values, condition, recursive, body, otherwise);
    }

    private static void requireNotLoop(Target target, int line) {
        switch (target) {
            case Target.Variable variable
            when variable.name().equals("loop") ->
                throw TemplateException.at(line, "the variable of a loop cannot be called 'loop'");
            case Target.Several several -> several.targets().forEach(one -> requireNotLoop(one, line));
            default -> {}
        }
    }

    private Expression unconditional() {
        int line = tokens.line();
        Expression first = expressions.or();
        if (!tokens.isAt(",")) {
            return first;
        }
        List<Expression> items = new ArrayList<>(List.of(first));
        while (tokens.skip(",") && !tokens.isAt(Kind.BLOCK_END) && !tokens.isAtName("recursive")) {
            items.add(expressions.or());
        }
        return new Expression.TupleOf(line, items);
    }

    private Statement condition(int line) {
        expressions.enterConditional();
        Expression condition = unconditional();
        closeTag();
        List<Statement> body = body(Set.of("elif", "else", "endif"));
        Token end = tokens.next();
        List<Statement> otherwise = switch (end.text()) {
            case "elif" -> List.of(condition(end.line()));
            case "else" -> bodyUntil("endif");
            default -> List.of();
        };
        expressions.leaveConditional();
        return new Statement.If(line, condition, body, otherwise);
    }

    private Statement set(int line) {
        Target target = target("=");
        if (tokens.skip("=")) {
            return new Statement.Set(line, target, expressions.tuple(""));
        }
        Optional<Expression> filter = tokens.skip("|") ? Optional.of(expressions.filterChain()) : Optional.empty();
        return new Statement.SetBlock(line, target, filter, bodyUntil("endset"));
    }

    private Statement macro(int line) {
        String name = ExpressionParser.identifier(tokens.expect(Kind.NAME, "the name of the macro"));
        Set<String> outer = expressions.startNames();
        Signature signature = signature();
        List<Statement> body = closedBody("endmacro");
        return new Statement.MacroOf(line, name, withExtras(signature, outer), body);
    }

    private Statement call(int line) {
        Signature signature = tokens.isAt("(") ? signature() : new Signature(List.of(), List.of(), Set.of());
        if (expressions.expression() instanceof Expression.Call call) {
            Set<String> outer = expressions.startNames();
            List<Statement> body = closedBody("endcall");
            return new Statement.CallBlock(line, call, withExtras(signature, outer), body);
        }
        throw TemplateException.at(line, "{% call %} needs a call behind it, such as {% call name() %}");
    }

    /// A body that runs elsewhere: a loop around it is not its own.
    private List<Statement> closedBody(String end) {
        int outer = loops;
        loops = 0;
        List<Statement> body = bodyUntil(end);
        loops = outer;
        return body;
    }

    private Signature signature() {
        List<String> names = new ArrayList<>();
        List<Expression> defaults = new ArrayList<>();
        tokens.expect("(");
        while (!tokens.isAt(")")) {
            if (!names.isEmpty()) {
                tokens.expect(",");
            }
            names.add(ExpressionParser.identifier(tokens.expect(Kind.NAME, "the name of a parameter")));
            if (tokens.skip("=")) {
                defaults.add(expressions.expression());
            } else if (!defaults.isEmpty()) {
                throw tokens.unexpected(
                        "a default for '%s', which follows a parameter with one".formatted(names.getLast()));
            }
        }
        tokens.expect(")");
        return new Signature(names, defaults, Set.of());
    }

    private Signature withExtras(Signature signature, Set<String> outerNames) {
        Set<String> read = expressions.endNames(outerNames);
        read.retainAll(Macro.EXTRAS);
        return new Signature(signature.names(), signature.defaults(), read);
    }

    private Statement with(int line) {
        List<Target> targets = new ArrayList<>();
        List<Expression> values = new ArrayList<>();
        while (!tokens.isAt(Kind.BLOCK_END)) {
            if (!targets.isEmpty()) {
                tokens.expect(",");
            }
            targets.add(single());
            tokens.expect("=");
            values.add(expressions.expression());
        }
        return new Statement.With(line, targets, values, bodyUntil("endwith"));
    }

    /// Names with commas between them, up to the word or sign `end`.
    private Target target(String end) {
        Target first = single();
        if (!tokens.isAt(",")) {
            return first;
        }
        List<Target> targets = new ArrayList<>(List.of(first));
        while (tokens.skip(",") && !tokens.isAt(end) && !tokens.isAtName(end)) {
            targets.add(single());
        }
        return new Target.Several(targets);
    }

    private Target single() {
        if (tokens.skip("(")) {
            Target inner = target(")");
            tokens.expect(")");
            return inner;
        }
        Token name = tokens.expect(Kind.NAME, "the name of a variable");
        if (Set.of("true", "false", "none", "True", "False", "None").contains(name.text())) {
            throw TemplateException.at(name.line(), "'%s' cannot be assigned to".formatted(name.text()));
        }
        return tokens.skip(".")
                ? new Target.Member(
                        name.text(), tokens.expect(Kind.NAME, "a name").text())
                : new Target.Variable(ExpressionParser.identifier(name));
    }
}
