package dev.graft.eval;

import dev.graft.data.Tokenized;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// An example of training, token by token: what each stands for, and whether it is learnt.
///
/// @param title  names the example
public record TokenView(String title, List<Piece> pieces) {
    /// What decoders put for bytes that are no whole character.
    private static final String REPLACEMENT = "\uFFFD";

    /// Tokens that are decoded with one, because its text may depend on those before it.
    private static final int CONTEXT = 6;

    public TokenView {
        pieces = List.copyOf(pieces);
    }

    /// A token, or several that make up one character.
    ///
    /// @param special whether it means something rather than says it, such as `<|im_end|>`
    public record Piece(List<Integer> ids, String text, boolean learnt, boolean special) {
        public Piece {
            ids = List.copyOf(ids);
        }
    }

    public static TokenView of(String title, Tokenized example, Tokenizer tokenizer) {
        List<Piece> pieces = new ArrayList<>();
        int[] ids = example.ids();
        boolean[] labels = example.labels();
        int context = 0; // decoded from here on
        for (int from = 0; from < ids.length; ) {
            String special = tokenizer.specialTokens().get(ids[from]);
            int to = from + 1;
            String text = special;
            if (special == null) {
                context = Math.max(context, from - CONTEXT);
                text = text(tokenizer, ids, context, from, to);
                while (text.endsWith(REPLACEMENT) && to < ids.length && to - from < 4 && labels[to] == labels[from]) {
                    text = text(tokenizer, ids, context, from, ++to);
                }
            } else {
                context = to;
            }
            pieces.add(new Piece(
                    Arrays.stream(ids, from, to).boxed().toList(), text, labels[from], special != null));
            from = to;
        }
        return new TokenView(title, pieces);
    }

    /// What tokens `from` up to `to` add to those from `context` on.
    private static String text(Tokenizer tokenizer, int[] ids, int context, int from, int to) {
        String before = from == context ? "" : tokenizer.decode(Arrays.copyOfRange(ids, context, from), false);
        String all = tokenizer.decode(Arrays.copyOfRange(ids, context, to), false);
        int same = before.endsWith(REPLACEMENT) ? before.indexOf(REPLACEMENT) : before.length();
        return all.length() > same ? all.substring(same) : "";
    }

    public int tokens() {
        return pieces.stream().mapToInt(piece -> piece.ids().size()).sum();
    }

    public int learnt() {
        return pieces.stream()
                .filter(Piece::learnt)
                .mapToInt(piece -> piece.ids().size())
                .sum();
    }
}
