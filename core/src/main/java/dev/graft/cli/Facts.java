package dev.graft.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/// Names and values for the eye, one pair a line, values in one column.
final class Facts {
    private final Map<String, String> rows = new LinkedHashMap<>();

    /// @param format as in [String#format], in the same numbers everywhere
    Facts add(String name, String format, Object... values) {
        rows.put(name, String.format(Locale.ROOT, format, values));
        return this;
    }

    boolean isEmpty() {
        return rows.isEmpty();
    }

    void print(PrintWriter out, Style style) {
        print(out, style, Integer.MAX_VALUE);
    }

    /// @param width columns there are; longer values go on in the next line, after a comma
    void print(PrintWriter out, Style style, int width) {
        int names = rows.keySet().stream().mapToInt(String::length).max().orElse(0);
        String indent = "\n" + " ".repeat(names + 4);
        rows.forEach((name, value) -> {
            String label = "  " + name + " ".repeat(names - name.length() + 2);
            String text = wrapped(TerminalText.safe(value), width - names - 4);
            out.println(style.dim(label) + text.replace("\n", indent));
        });
    }

    private static String wrapped(String text, int width) {
        var lines = new StringBuilder();
        int column = 0;
        for (String part : text.split("(?<=, )")) {
            if (column > 0 && column + part.stripTrailing().length() > width) {
                lines.setLength(lines.length() - 1);
                lines.append('\n');
                column = 0;
            }
            lines.append(part);
            column += part.length();
        }
        return lines.toString();
    }

    /// `812 bytes`, `1.4 MB`: units of 1024.
    static String bytes(long bytes) {
        if (bytes < 1024) {
            return bytes == 1 ? "1 byte" : bytes + " bytes";
        }
        double value = bytes;
        int unit = -1;
        while (value >= 1023.95) { // what would be shown as 1024.0 is one of the next unit
            value /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, "%.1f %sB", value, "KMGTPE".charAt(unit));
    }

    /// `1,234`
    static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    /// A path as somebody would type it here: from the working directory on, where it lies below that.
    static String path(Path path) {
        Path here = Path.of("").toAbsolutePath();
        Path absolute = path.toAbsolutePath().normalize();
        return absolute.startsWith(here) && !absolute.equals(here)
                ? here.relativize(absolute).toString()
                : path.toString();
    }

    /// `1 row`, `1,234 rows`
    static String count(long number, String thing) {
        return count(number) + " " + thing + (number == 1 ? "" : "s");
    }
}
