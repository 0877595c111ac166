package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/// Where parts of a text are, and the text cut into parts, as Python's `str` does it.
final class StringParts {

    private StringParts() {}

    /// `text[start:end]`; null where the start is behind the end of the text.
    static String within(String text, Object start, Object end) {
        if (start == null && end == null) {
            return text;
        }
        boolean behind = start != null && Numbers.index(start).orElse(0) > Text.length(text);
        return behind ? null : new Slice(start, end, null).of(text);
    }

    /// The index of the first or last occurrence in code points, or -1.
    static int find(String text, Arguments arguments, boolean last) {
        Bound bound = arguments.bind("sub", "start=", "end=");
        String part = within(text, bound.get("start"), bound.get("end"));
        String sought = bound.text("sub", "");
        int at = part == null ? -1 : last ? part.lastIndexOf(sought) : part.indexOf(sought);
        if (at < 0) {
            return -1;
        }
        Slice before = new Slice(null, bound.get("start"), null);
        int skipped = bound.get("start") == null ? 0 : Text.length(before.of(text));
        return skipped + part.codePointCount(0, at);
    }

    static int count(String text, Arguments arguments) {
        Bound bound = arguments.bind("sub", "start=", "end=");
        String part = within(text, bound.get("start"), bound.get("end"));
        String sought = bound.text("sub", "");
        if (part == null) {
            return 0;
        }
        if (sought.isEmpty()) {
            return Text.length(part) + 1;
        }
        int count = 0;
        for (int at = part.indexOf(sought); at >= 0; at = part.indexOf(sought, at + sought.length())) {
            count++;
        }
        return count;
    }

    /// @param separator  None for any white space
    /// @param most       cuts to make; negative for all
    static List<Object> split(String text, Object separator, int most) {
        if (separator == null) {
            return splitAtSpace(text, most);
        }
        String mark = separator(separator);
        List<Object> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(mark); at >= 0 && parts.size() != most; at = text.indexOf(mark, from)) {
            parts.add(text.substring(from, at));
            from = at + mark.length();
        }
        parts.add(text.substring(from));
        return parts;
    }

    private static String separator(Object separator) {
        if (!(separator instanceof String mark)) {
            throw PythonError.type("must be str or None, not " + Python.typeName(separator));
        }
        if (mark.isEmpty()) {
            throw PythonError.value("empty separator");
        }
        return mark;
    }

    private static List<Object> splitAtSpace(String text, int most) {
        List<Object> parts = new ArrayList<>();
        String rest = Text.stripLeft(text);
        while (!rest.isEmpty() && parts.size() != most) {
            int end = 0;
            while (end < rest.length() && !Text.isSpace(rest.charAt(end))) {
                end++;
            }
            parts.add(rest.substring(0, end));
            rest = Text.stripLeft(rest.substring(end));
        }
        if (!rest.isEmpty()) {
            parts.add(rest.isEmpty() ? rest : Text.stripRight(rest).isEmpty() ? "" : rest);
        }
        return parts;
    }

    static List<Object> splitFromRight(String text, Object separator, int most) {
        if (most < 0) {
            return split(text, separator, most);
        }
        List<Object> parts = new ArrayList<>();
        String rest = separator == null ? Text.stripRight(text) : text;
        String mark = separator == null ? "" : separator(separator);
        while (parts.size() != most) {
            int at = separator == null ? lastSpace(rest) : rest.lastIndexOf(mark);
            if (at < 0) {
                break;
            }
            parts.add(rest.substring(at + (separator == null ? 1 : mark.length())));
            rest = separator == null ? Text.stripRight(rest.substring(0, at)) : rest.substring(0, at);
        }
        if (separator != null || !rest.isEmpty()) {
            parts.add(separator == null && lastSpace(rest) < 0 ? Text.stripLeft(rest) : rest);
        }
        if (separator == null) {
            parts.removeIf(part -> ((String) part).isEmpty());
        }
        Collections.reverse(parts);
        return parts;
    }

    private static int lastSpace(String text) {
        int at = text.length() - 1;
        while (at >= 0 && !Text.isSpace(text.charAt(at))) {
            at--;
        }
        return at;
    }

    static List<Object> lines(String text, boolean keepEnds) {
        List<Object> lines = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean ends = c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029;
            if (ends) {
                int end = c == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n' ? i + 2 : i + 1;
                lines.add(text.substring(from, keepEnds ? end : i));
                from = end;
                i = end - 1;
            }
        }
        if (from < text.length()) {
            lines.add(text.substring(from));
        }
        return lines;
    }

    static Tuple partition(String text, Arguments arguments, boolean last) {
        String mark = separator(arguments.bind("sep").get("sep"));
        int at = last ? text.lastIndexOf(mark) : text.indexOf(mark);
        if (at < 0) {
            return last ? Tuple.of("", "", text) : Tuple.of(text, "", "");
        }
        return Tuple.of(text.substring(0, at), mark, text.substring(at + mark.length()));
    }

    static String expandTabs(String text, int size) {
        StringBuilder result = new StringBuilder();
        int column = 0;
        for (int point : text.codePoints().toArray()) {
            if (point == '\t') {
                int width = size > 0 ? size - column % size : 0;
                Interpreter.requireBounded((long) result.length() + width);
                result.repeat(' ', width);
                column += width;
            } else {
                result.appendCodePoint(point);
                column = point == '\n' || point == '\r' ? 0 : column + 1;
            }
        }
        return result.toString();
    }
}
