package dev.graft.data.prepare;

import java.lang.Character.UnicodeScript;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What can be counted about a text without understanding it.
///
/// @param characters       Unicode code points
/// @param words            runs of what is not white space
/// @param letterShare      of the code points that are not white space, those that are letters; 1 for an
///                         empty text
/// @param repeatedLines    of the lines that are not empty, those that stood there before (Gopher, Rae
///                         et al. 2021)
/// @param repeatedPhrases  of the runs of four words, those that stood there before
/// @param oddCharacters    controls, replacement characters, private use, unassigned, half surrogate pairs
/// @param mojibake         places that look like UTF-8 read in another encoding
/// @param script           the script most of its letters are in; empty for a text without letters
public record TextStatistics(
        int characters,
        int words,
        double letterShare,
        double repeatedLines,
        double repeatedPhrases,
        int oddCharacters,
        int mojibake,
        Optional<UnicodeScript> script) {
    private static final int PHRASE = 4;

    public static TextStatistics of(String text) {
        int visible = 0;
        int letters = 0;
        int odd = 0;
        int characters = 0;
        Map<UnicodeScript, Integer> scripts = new HashMap<>();
        for (int i = 0; i < text.length(); ) {
            int c = text.codePointAt(i);
            i += Character.charCount(c);
            characters++;
            visible += Character.isWhitespace(c) ? 0 : 1;
            odd += isOdd(c) ? 1 : 0;
            if (Character.isLetter(c)) {
                letters++;
                scripts.merge(UnicodeScript.of(c), 1, Integer::sum);
            }
        }
        String[] words = text.isBlank() ? new String[0] : text.strip().split("\\s+");
        return new TextStatistics(
                characters,
                words.length,
                visible == 0 ? 1 : letters / (double) visible,
                repeated(
                        text.lines()
                                .map(String::strip)
                                .filter(line -> !line.isEmpty())
                                .toArray(String[]::new),
                        1),
                repeated(words, PHRASE),
                odd,
                mojibake(text),
                scripts.entrySet().stream().max(Map.Entry.comparingByValue()).map(Map.Entry::getKey));
    }

    private static boolean isOdd(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL -> c != '\n' && c != '\t' && c != '\r';
            case Character.PRIVATE_USE, Character.UNASSIGNED, Character.SURROGATE -> true;
            default -> c == 0xFFFD || c == 0xFEFF;
        };
    }

    /// A lead byte of UTF-8 read as Latin-1 or Windows-1252, with a byte that can follow it.
    private static int mojibake(String text) {
        int places = 0;
        for (int i = 0; i + 1 < text.length(); i++) {
            char lead = text.charAt(i);
            char next = text.charAt(i + 1);
            boolean twoBytes = (lead == 'Ã' || lead == 'Â') && next >= 0x80 && next <= 0xBF;
            boolean threeBytes = lead == 'â' && (next == '€' || next == 0x80);
            places += twoBytes || threeBytes ? 1 : 0;
        }
        return places;
    }

    private static double repeated(String[] parts, int run) {
        int runs = parts.length - run + 1;
        if (runs < 2) {
            return 0;
        }
        Set<Object> seen = new HashSet<>();
        for (int i = 0; i < runs; i++) {
            seen.add(run == 1 ? parts[i] : Arrays.asList(parts).subList(i, i + run));
        }
        return 1 - seen.size() / (double) runs;
    }
}
