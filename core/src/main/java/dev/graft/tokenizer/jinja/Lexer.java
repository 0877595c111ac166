package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a template into tokens, with `trim_blocks` and `lstrip_blocks` on and `keep_trailing_newline` off.
///
/// White space around tags: `{%-` takes what stands before it, `-%}` what follows; a tag alone in its line
/// takes the spaces before it and the line break behind it, unless it is written `{%+` or `+%}`. `{{ … }}`
/// takes only what its own minus signs say.
final class Lexer {
    private static final Pattern RAW_BEGIN = Pattern.compile("\\{%([-+]?)\\s*raw\\s*(?:(-)%}|%})", unicode());
    private static final Pattern RAW_END = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%}|(-)%}|%}\n?)", unicode());
    private static final Pattern FLOAT = Pattern.compile(
            "(?<!\\.)(?:\\d+_)*\\d+(?:(?:\\.(?:\\d+_)*\\d+)?e[+-]?(?:\\d+_)*\\d+|\\.(?:\\d+_)*\\d+)",
            Pattern.CASE_INSENSITIVE);
    private static final Pattern INTEGER = Pattern.compile(
            "0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\\da-f])+|[1-9](?:_?\\d)*|0(?:_?0)*", Pattern.CASE_INSENSITIVE);
    private static final Pattern NAME = Pattern.compile("\\w+", unicode());
    private static final Pattern STRING = Pattern.compile(
            "'([^'\\\\]*+(?:\\\\.[^'\\\\]*+)*+)'|\"([^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+)\"", Pattern.DOTALL);
    private static final List<String> OPERATORS = List.of(
            "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
            "=", ".", ":", "|", ",", ";");

    private final String source;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private int line = 1;
    private int counted;
    private boolean atLineStart = true;

    private Lexer(String source) {
        this.source = source;
    }

    static List<Token> tokens(String source) {
        Lexer lexer =
                new Lexer(oneTrailingNewlineLess(source.replace("\r\n", "\n").replace('\r', '\n')));
        lexer.root();
        return lexer.tokens;
    }

    private static int unicode() {
        return Pattern.UNICODE_CHARACTER_CLASS;
    }

    private static String oneTrailingNewlineLess(String source) {
        return source.endsWith("\n") ? source.substring(0, source.length() - 1) : source;
    }

    private void root() {
        while (at < source.length()) {
            int tag = nextTag();
            if (tag < 0) {
                data(source.substring(at), at);
                at = source.length();
                break;
            }
            Matcher raw = matcher(RAW_BEGIN, tag);
            if (raw.lookingAt()) {
                text(tag, sign(tag), false);
                raw(raw);
            } else if (source.charAt(tag + 1) == '#') {
                text(tag, sign(tag), false);
                comment(tag);
            } else {
                boolean variable = source.charAt(tag + 1) == '{';
                char sign = sign(tag);
                text(tag, sign, variable);
                add(variable ? Kind.VARIABLE_BEGIN : Kind.BLOCK_BEGIN, "", tag);
                moveTo(tag + (sign == ' ' ? 2 : 3));
                code(variable);
            }
        }
        add(Kind.END, "", at);
    }

    private int nextTag() {
        for (int i = source.indexOf('{', at); i >= 0 && i + 1 < source.length(); i = source.indexOf('{', i + 1)) {
            if ("{%#".indexOf(source.charAt(i + 1)) >= 0) {
                return i;
            }
        }
        return -1;
    }

    /// `-`, `+` or a space for none.
    private char sign(int tag) {
        char c = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
        return c == '-' || c == '+' ? c : ' ';
    }

    /// The text between here and the tag, without what the tag takes.
    private void text(int tag, char sign, boolean variable) {
        String text = source.substring(at, tag);
        if (sign == '-') {
            text = Text.stripRight(text);
        } else if (sign == ' ' && !variable) {
            int lineStart = text.lastIndexOf('\n') + 1;
            if ((lineStart > 0 || atLineStart) && Text.isBlank(text.substring(lineStart))) {
                text = text.substring(0, lineStart);
            }
        }
        data(text, at);
        moveTo(tag);
    }

    private void data(String text, int from) {
        if (!text.isEmpty()) {
            add(Kind.DATA, text, from);
        }
    }

    private void raw(Matcher begin) {
        moveTo(begin.end());
        if (begin.group(2) != null) {
            skipSpace();
        }
        Matcher end = matcher(RAW_END, at);
        if (!end.find()) {
            throw error("{% raw %} has no {% endraw %}");
        }
        text(end.start(), end.group(1).isEmpty() ? ' ' : end.group(1).charAt(0), false);
        moveTo(end.end());
        if (end.group(2) != null) {
            skipSpace();
        }
    }

    private void comment(int tag) {
        int body = tag + (sign(tag) == ' ' ? 2 : 3);
        int end = source.indexOf("#}", body);
        if (end < 0) {
            throw error("the comment that begins here has no end #}");
        }
        moveTo(end + 2);
        close(end > body ? source.charAt(end - 1) : ' ', true);
    }

    /// Behind the end of a tag, whose sign was `sign`: takes the white space it asks for.
    private void close(char sign, boolean block) {
        if (sign == '-') {
            skipSpace();
        } else if (sign != '+' && block && at < source.length() && source.charAt(at) == '\n') {
            moveTo(at + 1);
        }
    }

    private void code(boolean variable) {
        String end = variable ? "}}" : "%}";
        Deque<String> brackets = new ArrayDeque<>();
        while (true) {
            skipSpace();
            if (at >= source.length()) {
                throw error("the tag has no end; expected " + end);
            }
            if (brackets.isEmpty() && closed(end, variable)) {
                return;
            }
            if (!literal()) {
                operator(brackets);
            }
        }
    }

    private boolean closed(String end, boolean variable) {
        char sign = source.charAt(at);
        boolean signed = sign == '-' || sign == '+' && !variable;
        int close = signed ? at + 1 : at;
        if (!source.startsWith(end, close)) {
            return false;
        }
        add(variable ? Kind.VARIABLE_END : Kind.BLOCK_END, "", at);
        moveTo(close + 2);
        close(signed ? sign : ' ', !variable);
        return true;
    }

    private boolean literal() {
        char c = source.charAt(at);
        if (c < 128 && c != '_' && c != '\'' && c != '"' && !Character.isLetterOrDigit(c)) {
            return false; // most operators are one character; four patterns would be tried on each
        }
        return match(FLOAT)
                        .map(m -> add(Kind.FLOAT, m.group().replace("_", ""), m.start()))
                        .isPresent()
                || match(INTEGER)
                        .map(m -> add(Kind.INTEGER, m.group().replace("_", ""), m.start()))
                        .isPresent()
                || match(NAME).map(m -> add(Kind.NAME, m.group(), m.start())).isPresent()
                || match(STRING)
                        .map(m -> add(Kind.STRING, string(m), m.start()))
                        .isPresent();
    }

    private void operator(Deque<String> brackets) {
        String operator = OPERATORS.stream()
                .filter(o -> source.startsWith(o, at))
                .findFirst()
                .orElseThrow(
                        () -> error("unexpected character '%s'".formatted(Character.toString(source.codePointAt(at)))));
        switch (operator) {
            case "(" -> brackets.push(")");
            case "[" -> brackets.push("]");
            case "{" -> brackets.push("}");
            case ")", "]", "}" -> {
                if (brackets.isEmpty() || !brackets.peek().equals(operator)) {
                    throw error("unexpected '%s'%s"
                            .formatted(operator, brackets.isEmpty() ? "" : ", expected '" + brackets.peek() + "'"));
                }
                brackets.pop();
            }
            default -> {}
        }
        add(Kind.OPERATOR, operator, at);
        moveTo(at + operator.length());
    }

    private String string(Matcher literal) {
        try {
            return Text.unescape(literal.group(1) != null ? literal.group(1) : literal.group(2));
        } catch (PythonError e) {
            throw error(e.getMessage());
        }
    }

    private Optional<Matcher> match(Pattern pattern) {
        Matcher matcher = matcher(pattern, at);
        if (!matcher.lookingAt()) {
            return Optional.empty();
        }
        moveTo(matcher.end());
        return Optional.of(matcher);
    }

    private Matcher matcher(Pattern pattern, int from) {
        return pattern.matcher(source).region(from, source.length()).useTransparentBounds(true);
    }

    private void skipSpace() {
        int end = at;
        while (end < source.length() && Text.isSpace(source.charAt(end))) {
            end++;
        }
        if (end > at) {
            moveTo(end);
        }
    }

    private void moveTo(int index) {
        if (index > at) {
            atLineStart = source.charAt(index - 1) == '\n';
        }
        at = index;
    }

    private Token add(Kind kind, String text, int from) {
        Token token = new Token(kind, text, lineOf(from));
        tokens.add(token);
        return token;
    }

    private int lineOf(int index) {
        for (; counted < index; counted++) {
            line += source.charAt(counted) == '\n' ? 1 : 0;
        }
        return line;
    }

    private TemplateException error(String reason) {
        return TemplateException.at(lineOf(Math.min(at, source.length())), reason);
    }
}
