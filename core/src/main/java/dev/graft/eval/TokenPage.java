package dev.graft.eval;

import dev.graft.eval.TokenView.Piece;
import java.util.List;
import java.util.stream.Collectors;

/// Examples of training as a section of a page: what is learnt is underlined and coloured, special
/// tokens are framed, and each token tells its id.
final class TokenPage {
    private static final int MOST = 600;

    private TokenPage() {}

    static String section(List<TokenView> views) {
        if (views.isEmpty()) {
            return "";
        }
        var page = new StringBuilder("""
                <section><h2>What is learnt <small>rows as the model sees them: <span class="learnt">learnt</span>, \
                given, <span class="special">special token</span></small></h2>
                """);
        for (TokenView view : views) {
            page.append("<article class=\"sample\"><h3>%s · %s tokens, %s of them learnt</h3><pre class=\"tokens\">"
                    .formatted(Html.escaped(view.title()), Html.number(view.tokens()), Html.number(view.learnt())));
            view.pieces().stream().limit(MOST).forEach(piece -> page.append(piece(piece)));
            if (view.pieces().size() > MOST) {
                page.append(" … and %d more".formatted(view.pieces().size() - MOST));
            }
            page.append("</pre></article>\n");
        }
        return page.append("</section>\n").toString();
    }

    private static String piece(Piece piece) {
        String names = (piece.learnt() ? "learnt" : "given") + (piece.special() ? " special" : "");
        return "<span class=\"%s\" title=\"%s%s\">%s</span>"
                .formatted(
                        names,
                        piece.learnt() ? "learnt, " : "",
                        piece.ids().stream().map(String::valueOf).collect(Collectors.joining(" + ")),
                        Html.escaped(piece.text()).replace("\n", "<span class=\"break\">⏎</span>\n"));
    }
}
