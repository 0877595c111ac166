package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.data.TokenizedFile.State;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DatasetTest {
    private final Tokenizer tokenizer = TinyTokenizer.load();

    @TempDir
    Path folder;

    private Path rows;

    @BeforeEach
    void writeRows() throws IOException {
        rows = folder.resolve("rows.jsonl");
        var text = new StringBuilder();
        for (int i = 1; i <= 200; i++) {
            text.append("{\"prompt\": \"hello %d\", \"completion\": \" yes %s\"}\n".formatted(i, "no ".repeat(i % 17)));
        }
        Files.writeString(rows, text);
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    @Test
    void tokensFromDiskAreThoseFromMemory() {
        List<Tokenized> inMemory = new ExampleTokenizer(tokenizer, options())
                .apply(Rows.read(rows))
                .examples();
        requireSame(load(options(), rows).all().examples(), inMemory);
        requireSame(load(options(), rows).all().examples(), inMemory); // now from the cache
    }

    @Test
    void cacheKnowsWhatDecidesTheTokens() throws IOException {
        assertThat(state(options())).isEqualTo(State.MISS);
        assertThat(state(options())).isEqualTo(State.HIT);
        assertThat(state(TokenizationOptions.upTo(100))).isEqualTo(State.HIT); // rows are cut behind it
        assertThat(state(options().withTrainOn(TrainOn.ALL))).isEqualTo(State.MISS);
        Input mapped = Input.of(rows).withColumns(Map.of("completion", "prompt", "prompt", "completion"));
        assertThat(Dataset.load(List.of(mapped), new ExampleTokenizer(tokenizer, options()), cache())
                        .files()
                        .getFirst()
                        .state())
                .isEqualTo(State.MISS);
        Path copy = Files.copy(rows, folder.resolve("copy.jsonl"));
        assertThat(load(options(), copy).files().getFirst().state()).isEqualTo(State.HIT);
        assertThat(load(options(), copy).files().getFirst().summary().file()).isEqualTo(copy);
        Files.writeString(rows, Files.readString(rows).replace("hello 7\"", "hello 8\""));
        assertThat(state(options())).isEqualTo(State.MISS);
    }

    @Test
    void anotherTemplateOrEndIsAnotherTokenizer() throws IOException {
        assertThat(state(options())).isEqualTo(State.MISS);
        Path other = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("other")));
        Files.writeString(other.resolve("chat_template.jinja"), "{% for m in messages %}{{ m.content }}{% endfor %}");
        try (Tokenizer changed = Tokenizer.load(other)) {
            assertThat(Dataset.load(List.of(Input.of(rows)), new ExampleTokenizer(changed, options()), cache())
                            .files()
                            .getFirst()
                            .state())
                    .isEqualTo(State.MISS);
        }
    }

    @Test
    void damagedCacheIsMadeAgain() throws IOException {
        List<Tokenized> before = List.copyOf(load(options(), rows).all().examples());
        Path file = cached().getFirst();
        byte[] whole = Files.readAllBytes(file);
        for (int length : new int[] {0, 1, 31, 32, whole.length / 2, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            requireRebuilt(before, length + " bytes of it");
        }
        for (int at : new int[] {0, 1000, whole.length - 60, whole.length - 20, whole.length - 1}) {
            byte[] flipped = whole.clone();
            flipped[at] ^= 0x40;
            Files.write(file, flipped);
            requireRebuilt(before, "byte " + at + " flipped");
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(whole);
    }

    private void requireRebuilt(List<Tokenized> expected, String what) {
        Dataset data = load(options(), rows);
        assertThat(data.files().getFirst().state()).as(what).isEqualTo(State.REBUILT);
        requireSame(data.all().examples(), expected);
    }

    @Test
    void writersAtTheSameTimeDoNotDisturbEachOther() throws Exception {
        List<Tokenized> expected = new ExampleTokenizer(tokenizer, options())
                .apply(Rows.read(rows))
                .examples();
        try (var threads = Executors.newFixedThreadPool(4)) {
            Callable<Dataset> load = () -> load(options(), rows);
            for (var one : threads.invokeAll(List.of(load, load, load, load))) {
                requireSame(one.get().all().examples(), expected);
            }
        }
        assertThat(cached()).hasSize(1);
    }

    @Test
    void faultyRowsLeaveNothingInTheCache() throws IOException {
        Path bad = Files.writeString(folder.resolve("bad.jsonl"), "{\"prompt\": \"a\", \"completion\": \"\"}\n");
        Path worse = Files.writeString(folder.resolve("worse.jsonl"), "{\n");
        assertThatThrownBy(() -> load(options(), bad, worse))
                .hasMessageContaining("bad.jsonl: 1 of 1 rows have nothing to train on");
        assertThatThrownBy(() -> load(options(), folder)).message().contains("bad.jsonl", "worse.jsonl");
        assertThat(cached())
                .allMatch(file -> file.toString().endsWith(".tokens"))
                .hasSize(1); // rows.jsonl
    }

    @Test
    void rowsAreCountedThroughAllFiles() throws IOException {
        Path more = Files.writeString(folder.resolve("more.jsonl"), "{\"text\": \"hello\"}\n{\"text\": \"yes\"}\n");
        Dataset data = load(options(), more, rows);
        assertThat(data.rows()).isEqualTo(202);
        BitSet held = new BitSet();
        held.set(1);
        held.set(2);
        assertThat(data.heldOut(held).examples()).extracting(Tokenized::row).containsExactly(2, 1);
        assertThat(data.train(held, Mixture.concatenated(), 1).examples())
                .hasSize(200)
                .first()
                .extracting(Tokenized::row)
                .isEqualTo(1);
        assertThat(data.questions(held, 5)).extracting(Question::prompt).containsExactly("hello 1");
        Tokenization mixed =
                data.train(new BitSet(), new Mixture(List.of(1.0, 1.0), Mixture.Stopping.ALL_EXHAUSTED), 3);
        assertThat(mixed.examples()).hasSizeGreaterThan(300); // the two texts as often as the 200 pairs
    }

    @Test
    void reportCountsWhatHappened() {
        Tokenization tokens = load(TokenizationOptions.upTo(12).withOverlong(TokenizationOptions.Overlong.DROP), rows)
                .all();
        var report = DataReport.of(tokens, 0.5);
        assertThat(report.get("rows_dropped")).isEqualTo(tokens.dropped().size());
        assertThat((int) report.get("examples") + tokens.dropped().size()).isEqualTo(200);
        assertThat(report.get("length").toString()).contains("max=12").contains("up_to=16");
        assertThat((List<?>) report.get("changed_rows"))
                .first()
                .asString()
                .contains("rows.jsonl", "what=dropped", "reason=longer than max_length = 12");
    }

    private TokenizationOptions options() {
        return TokenizationOptions.upTo(64);
    }

    private TokenCache cache() {
        return new TokenCache(folder.resolve("cache"));
    }

    private State state(TokenizationOptions options) {
        return load(options, rows).files().getFirst().state();
    }

    private Dataset load(TokenizationOptions options, Path... files) {
        List<Input> inputs = Stream.of(files).map(Input::of).toList();
        return Dataset.load(inputs, new ExampleTokenizer(tokenizer, options), cache());
    }

    private List<Path> cached() throws IOException {
        try (Stream<Path> files = Files.list(folder.resolve("cache"))) {
            return files.toList();
        }
    }

    private static void requireSame(List<Tokenized> found, List<Tokenized> expected) {
        assertThat(found).hasSameSizeAs(expected);
        for (int i = 0; i < found.size(); i++) {
            assertThat(found.get(i).ids()).isEqualTo(expected.get(i).ids());
            assertThat(found.get(i).labels()).isEqualTo(expected.get(i).labels());
            assertThat(found.get(i).row()).isEqualTo(expected.get(i).row());
        }
    }
}
