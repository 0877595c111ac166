package dev.graft.data.check;

import dev.graft.data.Dataset;
import dev.graft.data.InOrder;
import dev.graft.data.RowHashes;
import dev.graft.data.RowTokens;
import dev.graft.data.check.Lint.Severity;
import dev.graft.data.check.TextLints.Numbered;
import dev.graft.data.check.TextLints.Read;
import dev.graft.data.prepare.NearDuplicates.Match;
import dev.graft.data.prepare.NearLeaks;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// Holds the rows of a run against everything that is known to spoil one, before it begins.
///
/// Tokens are taken from the data set, that is from the cache; texts are read once more, by all cores.
/// Only held-out rows are kept in memory.
public final class DataCheck {
    private static final double NEARLY = 0.8;

    private final Dataset train;
    private final Dataset held;
    private final BitSet trainRows = new BitSet();
    private final BitSet heldRows = new BitSet();
    private final boolean drawn;
    private final TokenLints tokens;
    private final TextLints texts;
    private final Set<Lint> allowed;
    private final Map<Lint, Finding> findings = new EnumMap<>(Lint.class);

    /// @param held  the data set with the held-out rows, which may be `train`
    /// @param drawn whether the held-out rows were drawn from the rows to train on
    private DataCheck(Dataset train, Dataset held, BitSet heldRows, boolean drawn, Set<Lint> allowed) {
        this.train = train;
        this.held = held;
        this.drawn = drawn;
        this.allowed = Set.copyOf(allowed);
        this.heldRows.or(heldRows);
        this.trainRows.set(0, train.rows());
        if (drawn) {
            trainRows.andNot(heldRows);
        }
        this.tokens =
                new TokenLints(train.tokenizer().options(), train.tokenizer().tokenizer());
        this.texts = new TextLints(train.tokenizer().tokenizer());
    }

    /// Rows to train on, with held-out rows of their own where there are any.
    ///
    /// @param train  tokenised with `dropMasked`, so that rows of which nothing is learnt are among them
    public static CheckReport of(Dataset train, Optional<Dataset> heldOut, Set<Lint> allowed) {
        var every = new BitSet();
        heldOut.ifPresent(data -> every.set(0, data.rows()));
        return new DataCheck(train, heldOut.orElse(train), every, false, allowed).report();
    }

    /// Rows of which some were drawn to be held out.
    public static CheckReport ofDrawn(Dataset data, BitSet heldOut, Set<Lint> allowed) {
        return new DataCheck(data, data, heldOut, true, allowed).report();
    }

    private CheckReport report() {
        tokens.look(train);
        if (held != train) {
            tokens.look(held);
        }
        tokens.found().forEach((lint, places) -> add(lint, severity(lint), places));
        BitSet leaked = repetitions();
        texts(leaked);
        add(Lint.SPECIAL_TOKENS_IN_TEXT, texts.writtenInChats() ? Severity.ERROR : Severity.WARNING, texts.written());
        add(Lint.EMPTY_PROMPT, Lint.EMPTY_PROMPT.severity(), texts.emptyPrompts());
        return new CheckReport(train.rows() + (held == train ? 0 : held.rows()), List.copyOf(findings.values()));
    }

    private Severity severity(Lint lint) {
        return lint == Lint.EOS_NOT_TRAINED && !tokens.hasFileWithoutEnd() ? Severity.WARNING : lint.severity();
    }

    /// @return the held-out rows that are trained on as well
    private BitSet repetitions() {
        RowHashes hashes = train.hashes();
        var repeated = new Places();
        hashes.repetitions(trainRows).stream()
                .mapToObj(train::row)
                .forEach(row -> repeated.add(row.file(), row.number()));
        add(Lint.DUPLICATE_ROWS, Lint.DUPLICATE_ROWS.severity(), repeated);
        RowHashes heldHashes = held.hashes();
        BitSet leaked = heldHashes.shared(heldRows, hashes, trainRows);
        var places = new Places();
        leaked.stream().forEach(i -> {
            RowTokens row = held.row(i);
            places.add(row.file(), row.number(), places.count() > 0 ? "" : "is " + twin(row, hashes));
        });
        add(Lint.EVAL_LEAK, Lint.EVAL_LEAK.severity(), places);
        return leaked;
    }

    private String twin(RowTokens row, RowHashes hashes) {
        RowTokens twin = train.row(hashes.first(row.hash(), trainRows));
        return "row %d of %s".formatted(twin.number(), twin.file());
    }

    private void texts(BitSet leaked) {
        BitSet compared = (BitSet) heldRows.clone();
        compared.andNot(leaked);
        if (held == train) {
            Read read = texts.read(train.inputs(), compared::get);
            nearLeaks(read);
            return;
        }
        Read heldOut = texts.read(held.inputs(), compared::get);
        Read trained = texts.read(train.inputs(), _ -> false);
        for (String form : TextLints.missing(heldOut, trained)) {
            findings.put(
                    Lint.TEMPLATE_MISMATCH,
                    finding(
                            Lint.TEMPLATE_MISMATCH,
                            Lint.TEMPLATE_MISMATCH.severity(),
                            heldRows.cardinality(),
                            List.of(
                                    "held out: %s (%s)"
                                            .formatted(form, heldOut.forms().get(form)),
                                    "trained on: %s"
                                            .formatted(String.join(
                                                    "; ", trained.forms().keySet())))));
        }
        nearLeaks(heldOut);
    }

    /// Reads the rows to train on and looks for held-out ones that they nearly repeat.
    private void nearLeaks(Read heldOut) {
        if (heldOut.texts().isEmpty()) {
            return;
        }
        List<Integer> indices = new ArrayList<>(heldOut.texts().keySet());
        var leaks = new NearLeaks(List.copyOf(heldOut.texts().values()), NEARLY);
        Map<Integer, String> found = new TreeMap<>();
        int[] count = {0};
        train.inputs().forEach(input -> {
            try (var rows = new Numbered(input, count)) {
                InOrder.run(
                        rows,
                        at -> TextLints.size(at.row()),
                        at -> trainRows.get(at.index())
                                ? leaks.repeatedBy(NearLeaks.text(
                                        TextLints.comparable(at.row().example())))
                                : List.<Match>of(),
                        (at, matches) -> matches.forEach(match -> found.putIfAbsent(
                                indices.get(match.index()),
                                "is %.0f %% of row %d of %s"
                                        .formatted(
                                                100 * match.similarity(),
                                                at.row().number(),
                                                at.row().file()))));
            }
        });
        var places = new Places();
        found.forEach((index, like) -> {
            RowTokens row = held.row(index);
            places.add(row.file(), row.number(), like);
        });
        // rows that Graft drew by itself: nobody said that they are apart
        add(Lint.EVAL_NEAR_LEAK, drawn ? Severity.WARNING : Lint.EVAL_NEAR_LEAK.severity(), places);
    }

    private void add(Lint lint, Severity severity, Places places) {
        if (places.count() > 0) {
            findings.put(lint, finding(lint, severity, places.count(), places.lines()));
        }
    }

    private Finding finding(Lint lint, Severity severity, int rows, List<String> places) {
        return new Finding(lint, severity, allowed.contains(lint), rows, lint.says(rows), places, lint.advice());
    }
}
