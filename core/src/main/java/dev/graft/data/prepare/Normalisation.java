package dev.graft.data.prepare;

import java.text.Normalizer;
import java.util.Collection;
import java.util.Locale;
import java.util.regex.Pattern;

/// Ways to write the same text alike. Each does the same to a text once and twice.
public enum Normalisation {
    /// `\r\n` and `\r` become `\n`.
    NEWLINES {
        @Override
        String of(String text) {
            return text.indexOf('\r') < 0 ? text : text.replace("\r\n", "\n").replace('\r', '\n');
        }
    },
    /// Control characters but tab and line breaks, byte order marks and zero-width spaces go. Joiners
    /// stay: emoji and several scripts need them.
    CONTROL {
        @Override
        String of(String text) {
            return INVISIBLE.matcher(text).replaceAll("");
        }
    },
    /// Canonical composition of Unicode: `e` and a combining accent become `é`. After the invisible
    /// characters are gone, which could stand between the two.
    NFC {
        @Override
        String of(String text) {
            return Normalizer.isNormalized(text, Normalizer.Form.NFC)
                    ? text
                    : Normalizer.normalize(text, Normalizer.Form.NFC);
        }
    },
    /// Spaces of other widths become plain ones, spaces at the ends of lines go, and of several empty
    /// lines one stays.
    SPACES {
        @Override
        String of(String text) {
            String plain = WIDE_SPACES.matcher(text).replaceAll(" ");
            String trimmed = SPACES_AT_END.matcher(plain).replaceAll("");
            return EMPTY_LINES.matcher(trimmed).replaceAll("\n\n");
        }
    };

    private static final Pattern INVISIBLE =
            Pattern.compile("[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F\\u200B\\u2060\\uFEFF]");
    private static final Pattern WIDE_SPACES = Pattern.compile("[\\u00A0\\u1680\\u2000-\\u200A\\u202F\\u205F\\u3000]");
    private static final Pattern SPACES_AT_END = Pattern.compile("(?<![ \\t])[ \\t]+(?=\\r?\\n|\\z)");
    private static final Pattern EMPTY_LINES = Pattern.compile("\\n{3,}");

    abstract String of(String text);

    /// As it is written in options.
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    @Override
    public String toString() {
        return label();
    }

    /// The text after all of these, in the order of the enumeration.
    public static String apply(String text, Collection<Normalisation> wanted) {
        String result = text;
        for (Normalisation normalisation : values()) {
            if (wanted.contains(normalisation)) {
                result = normalisation.of(result);
            }
        }
        return result;
    }
}
