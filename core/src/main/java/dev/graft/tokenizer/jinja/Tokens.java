package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Token.Kind;
import java.util.List;

/// The tokens of a template, read from front to back with a look at the next one.
final class Tokens {
    private final List<Token> all;
    private int at;

    Tokens(List<Token> all) {
        this.all = all;
    }

    Token current() {
        return all.get(at);
    }

    Token following() {
        return all.get(Math.min(at + 1, all.size() - 1));
    }

    Token next() {
        Token token = current();
        at = Math.min(at + 1, all.size() - 1);
        return token;
    }

    int line() {
        return current().line();
    }

    boolean isAt(Kind kind) {
        return current().kind() == kind;
    }

    boolean isAt(String operator) {
        return current().is(operator);
    }

    boolean isAtName(String name) {
        return current().isName(name);
    }

    boolean skip(String operator) {
        boolean found = isAt(operator);
        if (found) {
            next();
        }
        return found;
    }

    boolean skipName(String name) {
        boolean found = isAtName(name);
        if (found) {
            next();
        }
        return found;
    }

    void expect(String operator) {
        if (!skip(operator)) {
            throw unexpected("'" + operator + "'");
        }
    }

    void expectName(String name) {
        if (!skipName(name)) {
            throw unexpected("'" + name + "'");
        }
    }

    Token expect(Kind kind, String expected) {
        if (!isAt(kind)) {
            throw unexpected(expected);
        }
        return next();
    }

    TemplateException unexpected(String expected) {
        return TemplateException.at(
                line(), "unexpected %s; expected %s".formatted(current().shown(), expected));
    }
}
