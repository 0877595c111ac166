package dev.graft.data.prepare;

import java.util.Locale;
import java.util.Optional;

/// Between which bounds a text counts as good enough to train on. A share is between 0 and 1.
///
/// @param minCharacters      fewer make a row too short
/// @param maxCharacters      more make it too long
/// @param minLetterShare     of what is not white space
/// @param maxRepeatedLines   share of its lines that stood there before
/// @param maxRepeatedPhrases share of its runs of four words that stood there before
/// @param maxOddCharacters   controls, replacement characters and the like
public record QualityLimits(
        int minCharacters,
        int maxCharacters,
        double minLetterShare,
        double maxRepeatedLines,
        double maxRepeatedPhrases,
        int maxOddCharacters) {

    public QualityLimits {
        if (minCharacters < 0 || maxCharacters < minCharacters) {
            throw new IllegalArgumentException(
                    "the bounds of the length are %d and %d characters; expected 0 ≤ min ≤ max"
                            .formatted(minCharacters, maxCharacters));
        }
        requireShare("letter share", minLetterShare);
        requireShare("share of repeated lines", maxRepeatedLines);
        requireShare("share of repeated phrases", maxRepeatedPhrases);
        if (maxOddCharacters < 0) {
            throw new IllegalArgumentException(
                    "the number of odd characters is %d; expected 0 or more".formatted(maxOddCharacters));
        }
    }

    private static void requireShare(String name, double value) {
        if (!(value >= 0 && value <= 1)) {
            throw new IllegalArgumentException("the %s is %s; expected 0 to 1".formatted(name, value));
        }
    }

    /// Bounds that every text keeps.
    public static QualityLimits none() {
        return new QualityLimits(0, Integer.MAX_VALUE, 0, 1, 1, Integer.MAX_VALUE);
    }

    /// Why a text is not good enough: a word for the audit file and the numbers.
    public record Fault(String reason, String detail) {}

    /// The first bound that a text breaks.
    public Optional<Fault> fault(TextStatistics text) {
        if (text.characters() < minCharacters) {
            return fault("too_short", "%,d characters, at least %,d wanted", text.characters(), minCharacters);
        }
        if (text.characters() > maxCharacters) {
            return fault("too_long", "%,d characters, at most %,d wanted", text.characters(), maxCharacters);
        }
        if (text.letterShare() < minLetterShare) {
            return fault(
                    "few_letters", "%.2f of it are letters, at least %.2f wanted", text.letterShare(), minLetterShare);
        }
        if (text.repeatedLines() > maxRepeatedLines) {
            return fault(
                    "repeated_lines",
                    "%.2f of its lines repeat, at most %.2f wanted",
                    text.repeatedLines(),
                    maxRepeatedLines);
        }
        if (text.repeatedPhrases() > maxRepeatedPhrases) {
            return fault(
                    "repeated_phrases",
                    "%.2f of its phrases repeat, at most %.2f wanted",
                    text.repeatedPhrases(),
                    maxRepeatedPhrases);
        }
        if (text.oddCharacters() > maxOddCharacters) {
            return fault(
                    "odd_characters", "%,d odd characters, at most %,d wanted", text.oddCharacters(), maxOddCharacters);
        }
        return Optional.empty();
    }

    private static Optional<Fault> fault(String reason, String detail, Object... values) {
        return Optional.of(new Fault(reason, String.format(Locale.ROOT, detail, values)));
    }
}
