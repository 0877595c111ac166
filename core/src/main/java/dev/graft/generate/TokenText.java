package dev.graft.generate;

import dev.graft.tokenizer.Tokenizer;
import java.util.Arrays;

/// The text of tokens that come one by one. A character may be spread over several tokens, and a token's
/// text may depend on the one before it (whether its leading space shows), so tokens are decoded
/// together with a few before them, and text is handed out once it is whole characters.
final class TokenText {
    /// What decoders put for bytes that are no whole character.
    private static final String REPLACEMENT = "\uFFFD";

    private static final int CONTEXT = 6;

    private final Tokenizer tokenizer;
    private int[] ids;
    private int count;
    /// Tokens from here on are decoded together.
    private int start;
    /// Tokens before this one have been handed out.
    private int shown;

    /// @param before tokens that the text goes on from; may be empty
    TokenText(Tokenizer tokenizer, int[] before) {
        this.tokenizer = tokenizer;
        this.ids = before.clone();
        this.count = before.length;
        this.shown = count;
        int context = CONTEXT;
        do {
            start = Math.max(0, count - context);
            context *= 2; // special tokens have no text to go on from
        } while (start > 0 && decode(start, shown).isEmpty());
    }

    /// Takes the next token.
    ///
    /// @return the text that is complete with it; often empty
    String add(int id) {
        if (count == ids.length) {
            ids = Arrays.copyOf(ids, Math.max(16, 2 * count));
        }
        ids[count++] = id;
        String text = pending();
        return text.isEmpty() || text.endsWith(REPLACEMENT) ? "" : hand(text);
    }

    /// What is left at the end, broken characters included.
    String finish() {
        return hand(pending());
    }

    private String pending() {
        String known = decode(start, shown);
        String all = decode(start, count);
        return all.length() > known.length() ? all.substring(known.length()) : "";
    }

    private String hand(String text) {
        start = shown;
        shown = count;
        return text;
    }

    private String decode(int from, int to) {
        return from == to ? "" : tokenizer.decode(Arrays.copyOfRange(ids, from, to), true);
    }
}
