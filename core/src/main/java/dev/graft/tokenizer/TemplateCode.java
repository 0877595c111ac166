package dev.graft.tokenizer;

import com.hubspot.jinjava.interpret.Context;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// A template's source, taken apart into text and tags, for what the engine does otherwise than Jinja2
/// without saying so: it passes over unknown filters and tests, and strips spaces before a block in the
/// middle of a line.
final class TemplateCode {
    private static final Pattern FILTER = Pattern.compile("\\|\\s*([A-Za-z_]\\w*)");
    private static final Pattern TEST = Pattern.compile("\\bis\\s+(?:not\\s+)?([A-Za-z_]\\w*)");

    private enum Kind {
        EXPRESSION("{{", "}}"),
        BLOCK("{%", "%}"),
        COMMENT("{#", "#}");

        private final String open;
        private final String close;

        Kind(String open, String close) {
            this.open = open;
            this.close = close;
        }
    }

    /// One tag from its first brace to behind its last.
    private record Tag(Kind kind, int start, int end) {}

    private final String source;
    private final List<Tag> tags = new ArrayList<>();

    TemplateCode(String source) {
        this.source = source;
        for (int i = 0; i < source.length(); i++) {
            for (Kind kind : Kind.values()) {
                if (source.startsWith(kind.open, i)) {
                    int end = kind == Kind.COMMENT ? commentEnd(i) : codeEnd(kind, i);
                    tags.add(new Tag(kind, i, end));
                    i = end - 1;
                    break;
                }
            }
        }
    }

    /// The source without the spaces between the start of a line and a block or comment: Jinja2's
    /// `lstrip_blocks`.
    String leftStripped() {
        StringBuilder result = new StringBuilder();
        int copied = 0;
        for (Tag tag : tags) {
            int text = tag.start();
            while (text > copied && (source.charAt(text - 1) == ' ' || source.charAt(text - 1) == '\t')) {
                text--;
            }
            boolean startsLine = text == 0 || source.charAt(text - 1) == '\n';
            result.append(source, copied, startsLine && tag.kind() != Kind.EXPRESSION ? text : tag.start());
            result.append(source, tag.start(), tag.end());
            copied = tag.end();
        }
        return result.append(source, copied, source.length()).toString();
    }

    /// The first filter or test that `context` does not know, as a sentence.
    Optional<String> unknown(Context context) {
        for (Tag tag : tags) {
            if (tag.kind() == Kind.COMMENT) {
                continue;
            }
            String code = withoutStrings(tag);
            Matcher filter = FILTER.matcher(code);
            while (filter.find()) {
                if (context.getFilter(filter.group(1)) == null) {
                    return Optional.of(problem(tag, "filter", filter.group(1)));
                }
            }
            Matcher test = TEST.matcher(code);
            while (test.find()) {
                if (context.getExpTest(test.group(1)) == null) {
                    return Optional.of(problem(tag, "test", test.group(1)));
                }
            }
        }
        return Optional.empty();
    }

    private String problem(Tag tag, String kind, String name) {
        long line = 1
                + source.substring(0, tag.start())
                        .chars()
                        .filter(c -> c == '\n')
                        .count();
        return "the chat template uses the %s \"%s\" (line %d), which is not supported".formatted(kind, name, line);
    }

    private String withoutStrings(Tag tag) {
        StringBuilder code = new StringBuilder();
        for (int i = tag.start(); i < tag.end(); i++) {
            char c = source.charAt(i);
            if (c == '\'' || c == '"') {
                i = stringEnd(source, i);
                code.append("''");
            } else {
                code.append(c);
            }
        }
        return code.toString();
    }

    private int commentEnd(int start) {
        int close = source.indexOf(Kind.COMMENT.close, start + 2);
        return close < 0 ? source.length() : close + 2;
    }

    private int codeEnd(Kind kind, int start) {
        for (int i = start + 2; i < source.length(); i++) {
            char c = source.charAt(i);
            if (c == '\'' || c == '"') {
                i = stringEnd(source, i);
            } else if (source.startsWith(kind.close, i)) {
                return i + 2;
            }
        }
        return source.length();
    }

    /// The index of the quote that closes the string which begins at `quote`.
    static int stringEnd(String source, int quote) {
        for (int i = quote + 1; i < source.length(); i++) {
            if (source.charAt(i) == '\\') {
                i++;
            } else if (source.charAt(i) == source.charAt(quote)) {
                return i;
            }
        }
        return source.length() - 1;
    }
}
