package dev.graft.eval;

import java.util.Locale;

/// Text and numbers as they may stand in a page.
final class Html {
    private Html() {}

    /// Text for element content and double-quoted attributes. Characters XML has no place for become U+FFFD.
    static String escaped(String text) {
        var safe = new StringBuilder(text.length() + 16);
        text.codePoints().forEach(c -> {
            switch (c) {
                case '&' -> safe.append("&amp;");
                case '<' -> safe.append("&lt;");
                case '>' -> safe.append("&gt;");
                case '"' -> safe.append("&quot;");
                case '\'' -> safe.append("&#39;");
                default -> safe.appendCodePoint(isAllowed(c) ? c : 0xFFFD);
            }
        });
        return safe.toString();
    }

    private static boolean isAllowed(int c) {
        return c == '\t'
                || c == '\n'
                || c == '\r'
                || c >= 0x20 && c < 0x7F
                || c >= 0xA0 && c <= 0xD7FF
                || c >= 0xE000 && c <= 0xFFFD
                || c >= 0x10000 && c <= 0x10FFFF && (c & 0xFFFE) != 0xFFFE;
    }

    /// Four significant digits at most, and no exponent where none is needed: `0.0002`, `1.234`,
    /// `12.3k`, `2e-05`.
    static String number(double value) {
        double size = Math.abs(value);
        if (!Double.isFinite(value)) {
            return "–";
        }
        if (value == 0) {
            return "0";
        }
        if (size >= 999_950) {
            return trimmed(value / 1e6, size >= 99_995_000 ? 0 : 2) + "M";
        }
        if (size >= 10_000) {
            return trimmed(value / 1e3, 1) + "k";
        }
        if (size >= 1e-4) {
            return trimmed(value, Math.clamp(3 - (int) Math.floor(Math.log10(size)), 0, 7));
        }
        return String.format(Locale.ROOT, "%.3g", value)
                .replaceFirst("\\.?0+e", "e")
                .replaceFirst("(\\.\\d*?)0+e", "$1e");
    }

    /// `93.5 %`.
    static String percentage(double share) {
        return Double.isFinite(share) ? trimmed(share * 100, 1) + " %" : "–";
    }

    /// `1 h 02 min`, `4 min 05 s`, `12.3 s`.
    static String duration(double seconds) {
        if (!Double.isFinite(seconds)) {
            return "–";
        }
        if (seconds < 60) {
            return trimmed(seconds, 1) + " s";
        }
        long whole = Math.round(seconds);
        return whole < 3600
                ? "%d min %02d s".formatted(whole / 60, whole % 60)
                : "%d h %02d min".formatted(whole / 3600, whole / 60 % 60);
    }

    private static String trimmed(double value, int digits) {
        String text = String.format(Locale.ROOT, "%." + digits + "f", value);
        return text.contains(".") ? text.replaceFirst("\\.?0+$", "") : text;
    }
}
