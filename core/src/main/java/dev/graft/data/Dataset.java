package dev.graft.data;

import dev.graft.data.shape.RowShape.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/// The rows of several inputs as tokens, not yet cut, in files that need not fit into memory.
///
/// Rows are counted through, over all files of all inputs; what is trained on and what is held out are
/// sets of them.
public final class Dataset {
    private final List<Input> inputs;
    private final List<TokenizedFile> files;
    private final int[] starts;
    private final int[] inputStarts;
    private final ExampleTokenizer tokenizer;
    private RowHashes hashes;

    private Dataset(List<Input> inputs, List<TokenizedFile> files, int[] inputStarts, ExampleTokenizer tokenizer) {
        this.inputs = inputs;
        this.files = files;
        this.inputStarts = inputStarts;
        this.tokenizer = tokenizer;
        this.starts = new int[files.size() + 1];
        for (int i = 0; i < files.size(); i++) {
            starts[i + 1] = Math.addExact(starts[i], files.get(i).tokens().size());
        }
    }

    /// Tokenises the files of the inputs, or takes their tokens from the cache.
    ///
    /// @throws IllegalArgumentException naming every row that cannot be used
    public static Dataset load(List<Input> inputs, ExampleTokenizer tokenizer, TokenCache cache) {
        return load(inputs, tokenizer, cache, Reading.UNSEEN);
    }

    /// As [#load(List, ExampleTokenizer, TokenCache)], with somebody who is told how far it is.
    public static Dataset load(List<Input> inputs, ExampleTokenizer tokenizer, TokenCache cache, Reading reading) {
        List<TokenizedFile> files = new ArrayList<>();
        int[] inputStarts = new int[inputs.size() + 1];
        for (int i = 0; i < inputs.size(); i++) {
            files.addAll(TokenizedFile.all(inputs.get(i), tokenizer, cache, reading));
            inputStarts[i + 1] = files.size();
        }
        return new Dataset(List.copyOf(inputs), List.copyOf(files), inputStarts, tokenizer);
    }

    public List<TokenizedFile> files() {
        return files;
    }

    public List<Input> inputs() {
        return inputs;
    }

    /// What the rows were tokenised by.
    public ExampleTokenizer tokenizer() {
        return tokenizer;
    }

    /// How many rows there are.
    public int rows() {
        return starts[files.size()];
    }

    /// Whether all there is, is one long text.
    public boolean isOneText() {
        return rows() == 1 && files.getFirst().tokens().windowed(0);
    }

    /// All rows.
    public Tokenization all() {
        return tokenization(IntStream.range(0, rows()).toArray());
    }

    /// Rows drawn from all but those held out, as the mixture says.
    public Tokenization train(BitSet heldOut, Mixture mixture, long seed) {
        int[][] rows = new int[inputs.size()][];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = IntStream.range(starts[inputStarts[i]], starts[inputStarts[i + 1]])
                    .filter(row -> !heldOut.get(row))
                    .toArray();
        }
        int[] order =
                mixture.sources(Arrays.stream(rows).mapToInt(r -> r.length).toArray(), seed);
        int[] next = new int[rows.length];
        for (int i = 0; i < order.length; i++) {
            int source = order[i];
            order[i] = rows[source][next[source]++ % rows[source].length];
        }
        return tokenization(order);
    }

    /// The rows of a set.
    public Tokenization heldOut(BitSet rows) {
        return tokenization(rows.stream().toArray());
    }

    /// One row, not cut. Several threads may read at once.
    ///
    /// @param index  counted from 0 through all files
    public RowTokens row(int index) {
        int file = file(index);
        TokenRows rows = files.get(file).tokens();
        int row = index - starts[file];
        return new RowTokens(file, rows.file(), rows.number(row), rows.windowed(row), rows.get(row));
    }

    /// Hashes of all rows, made once.
    public RowHashes hashes() {
        if (hashes == null) {
            hashes = RowHashes.of(this);
        }
        return hashes;
    }

    /// A share of the rows, chosen by a seed among those that occur only once: of rows with the same
    /// tokens one would else be measured that the model was trained on.
    ///
    /// @throws IllegalArgumentException when too few rows occur only once
    public BitSet heldOut(double fraction, long seed) {
        int count = Split.count(rows(), fraction);
        BitSet repeated = hashes().repeated();
        if (rows() - repeated.cardinality() < count) {
            throw new IllegalArgumentException(
                    "%s: %,d of %,d rows repeat another, so that %,d cannot be held out that are not trained on as well; remove the repetitions (graft data clean), or give held-out rows in a file of their own"
                            .formatted(inputs.getFirst().path(), repeated.cardinality(), rows(), count));
        }
        return Split.chosen(rows(), count, seed, repeated);
    }

    /// What the first of these rows ask and expect, those that can be asked.
    ///
    /// @param most  questions; the search for them ends after ten times as many rows
    public List<Question> questions(BitSet rows, int most) {
        List<Question> questions = new ArrayList<>();
        int seen = 0;
        for (int i = 0; i < inputs.size() && questions.size() < most; i++) {
            int row = starts[inputStarts[i]];
            try (var reader = new ExampleReader(inputs.get(i), Kind.COMPLETION)) {
                for (; questions.size() < most && seen < 10L * most && rows.nextSetBit(row) >= 0; row++) {
                    if (!reader.hasNext()) {
                        break;
                    }
                    Row example = reader.next();
                    if (rows.get(row)) {
                        seen++;
                        tokenizer.question(example).ifPresent(questions::add);
                    }
                }
            }
        }
        return questions;
    }

    private Tokenization tokenization(int[] rows) {
        var cutting = new Cutting(files.stream().map(TokenizedFile::tokens).toList(), tokenizer.options());
        for (int row : rows) {
            int file = file(row);
            cutting.add(file, row - starts[file]);
        }
        return cutting.finish();
    }

    private int file(int row) {
        int file = Arrays.binarySearch(starts, Objects.checkIndex(row, rows()));
        file = file < 0 ? -file - 2 : file;
        while (starts[file + 1] <= row) {
            file++; // files without rows begin where the next one does
        }
        return file;
    }
}
