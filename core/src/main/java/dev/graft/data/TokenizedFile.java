package dev.graft.data;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.ExampleReader.FileSummary;
import dev.graft.data.shape.RowShape.Kind;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One file of an input: what it holds, and its rows as tokens on disk.
public final class TokenizedFile {
    /// Raised when the same rows would become other tokens.
    private static final int VERSION = 3;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final FileSummary summary;
    private final String sha256;
    private final State state;
    private final TokenRows tokens;

    /// Where the tokens came from.
    public enum State {
        /// found in the cache
        HIT,
        /// made now
        MISS,
        /// made again, because what was in the cache is damaged
        REBUILT
    }

    private TokenizedFile(FileSummary summary, String sha256, State state, TokenRows tokens) {
        this.summary = summary;
        this.sha256 = sha256;
        this.state = state;
        this.tokens = tokens;
    }

    public FileSummary summary() {
        return summary;
    }

    public String sha256() {
        return sha256;
    }

    public State state() {
        return state;
    }

    TokenRows tokens() {
        return tokens;
    }

    /// The files of an input; the faults of all of them are said at once.
    static List<TokenizedFile> all(Input input, ExampleTokenizer tokenizer, TokenCache cache, Reading reading) {
        List<TokenizedFile> all = new ArrayList<>();
        List<String> faults = new ArrayList<>();
        for (Path file : input.files()) {
            try {
                all.add(of(file, input, tokenizer, cache, reading));
            } catch (IllegalArgumentException e) {
                faults.add(e.getMessage());
            }
        }
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException(String.join("\n", faults));
        }
        return all;
    }

    private static TokenizedFile of(
            Path file, Input input, ExampleTokenizer tokenizer, TokenCache cache, Reading reading) {
        String sha256 = DataHash.of(file);
        Path place = cache.place(decisive(sha256, input, tokenizer));
        boolean exists = TokenFile.exists(place);
        Optional<TokenFile> kept = exists ? TokenFile.open(place, file) : Optional.empty();
        if (kept.isEmpty()) {
            write(place, file, input, tokenizer, reading);
            cache.keepWithinBound(place);
        } else {
            cache.used(place);
        }
        TokenFile tokens = kept.or(() -> TokenFile.open(place, file))
                .orElseThrow(() -> new IllegalStateException(
                        "%s was written and is damaged; the disk may be failing".formatted(place)));
        State state = kept.isPresent() ? State.HIT : exists ? State.REBUILT : State.MISS;
        return new TokenizedFile(summary(file, tokens.note()), sha256, state, tokens);
    }

    /// Everything that decides the tokens of a file.
    private static List<String> decisive(String sha256, Input input, ExampleTokenizer examples) {
        Tokenizer tokenizer = examples.tokenizer();
        String template = tokenizer.chatTemplate().map(ChatTemplate::identity).orElse("");
        return List.of(
                "version " + VERSION,
                "content " + sha256,
                "columns " + input.columns(),
                "shape " + input.shape().orElse("auto"),
                "train_on " + examples.options().trainOn(),
                "tokenizer " + DataHash.of(tokenizer.canonical().getBytes(StandardCharsets.UTF_8)),
                "special " + tokenizer.bosId() + tokenizer.eosId() + tokenizer.stopIds(),
                "date " + (template.contains("strftime_now") ? LocalDate.now().toString() : "any"),
                "template " + template);
    }

    private static void write(Path place, Path file, Input input, ExampleTokenizer tokenizer, Reading reading) {
        Input only = new Input(file.toString(), input.columns(), input.shape());
        try (var reader = new ExampleReader(only, Kind.COMPLETION);
                var writer = new TokenFileWriter(place)) {
            long[] rows = {0};
            new ParallelTokenizing(tokenizer).run(reader, file, (row, tokens) -> {
                writer.add(row.number(), tokens, row.isWindowed());
                reading.at(file, reader.position(), ++rows[0]);
            });
            writer.finish(note(reader.files().getFirst()));
        }
    }

    private static String note(FileSummary summary) {
        ObjectNode note = JSON.createObjectNode();
        note.put("shape", summary.shape());
        note.put("rows", summary.rows());
        summary.unused().forEach(note.putArray("unused")::add);
        return note.toString();
    }

    private static FileSummary summary(Path file, String note) {
        try {
            var json = JSON.readTree(note);
            List<String> unused = new ArrayList<>();
            json.path("unused").forEach(column -> unused.add(column.asText()));
            return new FileSummary(
                    file, json.path("shape").asText(), json.path("rows").asInt(), unused);
        } catch (JacksonException e) {
            throw new IllegalStateException(
                    "a note of the token cache is not JSON; delete the cache, which is made anew: " + note, e);
        }
    }
}
