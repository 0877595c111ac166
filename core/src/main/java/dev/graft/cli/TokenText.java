package dev.graft.cli;

import dev.graft.eval.TokenView;
import dev.graft.eval.TokenView.Piece;
import java.io.PrintWriter;
import java.util.List;
import java.util.stream.Collectors;

/// Prints examples token by token: in colours, or with marks that no text can be taken for.
///
/// @param colours whether what is learnt is shown by colour and underline instead of by marks
record TokenText(PrintWriter out, Style style, boolean colours) {
    private static final String BEGIN = "⟦";
    private static final String END = "⟧";
    private static final String MARKS = BEGIN + END + "‹›⏎⇥";

    void legend() {
        out.println(
                colours
                        ? "%s  given  %s special token  ⏎ line break  ⇥ tab"
                                .formatted(style.learnt("learnt"), style.yellow("‹…›"))
                        : "⟦learnt⟧  given  ‹special token›  ⏎ line break  ⇥ tab");
    }

    /// The example as running text.
    void text(TokenView view) {
        title(view);
        boolean inside = false;
        for (Piece piece : view.pieces()) {
            if (!colours && piece.learnt() != inside) {
                out.print(inside ? END : BEGIN);
                inside = piece.learnt();
            }
            String text = shown(piece, "⏎\n");
            out.print(!colours ? text : coloured(piece, text));
        }
        out.println(inside ? END : "");
        out.flush();
    }

    /// The example as a table of tokens.
    void table(TokenView view) {
        title(view);
        int at = 0;
        for (Piece piece : view.pieces()) {
            String number = piece.ids().stream().map(String::valueOf).collect(Collectors.joining("+"));
            String text = !piece.special() ? "\"" + shown(piece, "⏎") + "\"" : shown(piece, "⏎");
            out.println("%6d %8s  %-6s  %s"
                    .formatted(at, number, piece.learnt() ? "learnt" : "", colours ? coloured(piece, text) : text));
            at += piece.ids().size();
        }
        out.flush();
    }

    /// A row that has no example.
    void remark(String title, String remark) {
        out.println();
        out.println(style.bold(TerminalText.safe(title)));
        out.println(TerminalText.safe(remark));
        out.flush();
    }

    void fault(String title, String message) {
        remark(title, "cannot be trained on: " + message);
    }

    private void title(TokenView view) {
        out.println();
        out.println(style.bold("%s: %s, %,d learnt"
                .formatted(TerminalText.safe(view.title()), Facts.count(view.tokens(), "token"), view.learnt())));
    }

    /// The text with everything visible that is not; what looks like a mark is written as its code.
    private static String shown(Piece piece, String lineBreak) {
        var shown = new StringBuilder();
        piece.text().codePoints().forEach(c -> {
            if (c == '\n') {
                shown.append(lineBreak);
            } else if (c == '\t') {
                shown.append('⇥');
            } else if (MARKS.indexOf(c) >= 0 || Character.getType(c) == Character.FORMAT) {
                shown.append("\\u{%X}".formatted(c));
            } else {
                shown.append(TerminalText.safe(Character.toString(c)));
            }
        });
        return piece.special() ? "‹" + shown + "›" : shown.toString();
    }

    private String coloured(Piece piece, String text) {
        // a colour that goes over a line break would colour the rest of the screen in some terminals
        return List.of(text.split("(?<=\n)")).stream()
                .map(line -> piece.learnt() ? style.learnt(line) : piece.special() ? style.yellow(line) : line)
                .collect(Collectors.joining());
    }
}
