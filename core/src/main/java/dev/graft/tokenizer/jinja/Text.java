package dev.graft.tokenizer.jinja;

import java.util.Locale;
import java.util.function.IntPredicate;

/// Characters as Python sees them: text is a sequence of code points, and what counts as white space or
/// printable is what Unicode says.
final class Text {

    private Text() {}

    static boolean isSpace(int point) {
        return point == ' '
                || point >= '\t' && point <= '\r'
                || point >= 0x1c && point <= 0x1f
                || point == 0x85
                || point == 0xa0
                || point == 0x1680
                || point >= 0x2000 && point <= 0x200a
                || point == 0x2028
                || point == 0x2029
                || point == 0x202f
                || point == 0x205f
                || point == 0x3000;
    }

    static boolean isBlank(String text) {
        return text.chars().allMatch(Text::isSpace);
    }

    static String strip(String text) {
        return stripLeft(stripRight(text));
    }

    static String stripLeft(String text) {
        return stripLeft(text, Text::isSpace);
    }

    static String stripRight(String text) {
        return stripRight(text, Text::isSpace);
    }

    static String stripLeft(String text, IntPredicate taken) {
        int from = 0;
        while (from < text.length() && taken.test(text.codePointAt(from))) {
            from += Character.charCount(text.codePointAt(from));
        }
        return text.substring(from);
    }

    static String stripRight(String text, IntPredicate taken) {
        int to = text.length();
        while (to > 0 && taken.test(text.codePointBefore(to))) {
            to -= Character.charCount(text.codePointBefore(to));
        }
        return text.substring(0, to);
    }

    /// Length in code points.
    static int length(String text) {
        return text.codePointCount(0, text.length());
    }

    /// The index of the `char` at which the code point `index` begins.
    static int offset(String text, int index) {
        return text.offsetByCodePoints(0, index);
    }

    /// `str.title`: the first letter of every run of letters is upper-case.
    static String title(String text) {
        StringBuilder result = new StringBuilder();
        boolean inside = false;
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            int point = text.codePointAt(i);
            String letter = Character.toString(point);
            result.append(inside ? letter.toLowerCase(Locale.ROOT) : titleCase(letter));
            inside = isCased(point);
        }
        return result.toString();
    }

    static String capitalize(String text) {
        if (text.isEmpty()) {
            return text;
        }
        int first = Character.charCount(text.codePointAt(0));
        return titleCase(text.substring(0, first)) + lower(text.substring(first));
    }

    static String upper(String text) {
        return text.toUpperCase(Locale.ROOT);
    }

    static String lower(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private static String titleCase(String letter) {
        int point = letter.codePointAt(0);
        int title = Character.toTitleCase(point);
        if (title != point) {
            return Character.toString(title);
        }
        String upper = upper(letter); // "ß" has no title-case letter of its own and becomes "Ss"
        int first = Character.charCount(upper.codePointAt(0));
        return upper.substring(0, first) + lower(upper.substring(first));
    }

    static boolean isCased(int point) {
        return Character.isUpperCase(point) || Character.isLowerCase(point) || Character.isTitleCase(point);
    }

    static boolean isPrintable(int point) {
        return point == ' '
                || switch (Character.getType(point)) {
                    case Character.CONTROL,
                            Character.FORMAT,
                            Character.SURROGATE,
                            Character.PRIVATE_USE,
                            Character.UNASSIGNED,
                            Character.LINE_SEPARATOR,
                            Character.PARAGRAPH_SEPARATOR,
                            Character.SPACE_SEPARATOR -> false;
                    default -> true;
                };
    }

    /// A string literal as Python's `repr` writes it: in single quotes where that needs no escape.
    static String repr(String text) {
        char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
        StringBuilder result = new StringBuilder().append(quote);
        text.codePoints().forEach(point -> {
            switch (point) {
                case '\n' -> result.append("\\n");
                case '\r' -> result.append("\\r");
                case '\t' -> result.append("\\t");
                case '\\' -> result.append("\\\\");
                default -> {
                    if (point == quote) {
                        result.append('\\').append(quote);
                    } else if (isPrintable(point)) {
                        result.appendCodePoint(point);
                    } else {
                        result.append(escape(point));
                    }
                }
            }
        });
        return result.append(quote).toString();
    }

    private static String escape(int point) {
        return point <= 0xff
                ? "\\x%02x".formatted(point)
                : point <= 0xffff ? "\\u%04x".formatted(point) : "\\U%08x".formatted(point);
    }

    /// The value of a string literal: `\n`, `\x41`, `é` … are replaced; an unknown escape stays as written.
    static String unescape(String literal) {
        if (literal.indexOf('\\') < 0) {
            return literal;
        }
        StringBuilder result = new StringBuilder();
        for (int i = 0; i < literal.length(); i++) {
            char c = literal.charAt(i);
            if (c != '\\') {
                result.append(c);
                continue;
            }
            char kind = literal.charAt(++i);
            int plain = "\\'\"abfnrtv".indexOf(kind);
            if (plain >= 0) {
                result.append("\\'\"\u0007\b\f\n\r\t\u000b".charAt(plain));
            } else if (kind >= '0' && kind <= '7') {
                int end = i;
                while (end < literal.length()
                        && end < i + 3
                        && literal.charAt(end) >= '0'
                        && literal.charAt(end) <= '7') {
                    end++;
                }
                result.append((char) Integer.parseInt(literal.substring(i, end), 8));
                i = end - 1;
            } else if (kind == 'x' || kind == 'u' || kind == 'U') {
                int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
                result.appendCodePoint(hex(literal, i + 1, digits));
                i += digits;
            } else if (kind == 'N') {
                int end = literal.indexOf('}', i);
                result.appendCodePoint(named(literal, i + 1, end));
                i = end;
            } else if (kind != '\n') { // a backslash at the end of a line joins it with the next
                result.append('\\').append(kind);
            }
        }
        return result.toString();
    }

    private static int hex(String literal, int from, int digits) {
        int to = Math.min(from + digits, literal.length());
        try {
            int point = Integer.parseInt(literal.substring(from, to), 16);
            if (to - from == digits && Character.isValidCodePoint(point) && literal.charAt(from) != '+') {
                return point;
            }
        } catch (NumberFormatException _) {
            // reported below
        }
        throw PythonError.value("a string has the escape \"%s\"; expected %d hexadecimal digits"
                .formatted(literal.substring(from - 2, to), digits));
    }

    private static int named(String literal, int from, int end) {
        if (end > from && literal.charAt(from) == '{') {
            try {
                return Character.codePointOf(literal.substring(from + 1, end));
            } catch (IllegalArgumentException _) {
                // reported below
            }
        }
        throw PythonError.value("a string has the escape \\N without the {name} of a character");
    }
}
