package dev.graft.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `graft data tokenize`: texts as token ids, and back.
@Command(
        name = "tokenize",
        mixinStandardHelpOptions = true,
        header = "Writes texts as token ids.",
        description = {
            "%nReads rows that hold a @|bold text|@. Each comes out as it was, with two keys more:",
            "  token_ids  the tokens, with what the tokenizer itself puts around a text",
            "  decoded    the text of these tokens, special tokens left out%n"
        },
        footerHeading = "%n@|bold Example|@%n",
        footer = {
            "  $ echo '{\"text\": \"Once upon a time\"}' > in.jsonl",
            "  $ graft data tokenize --model models/stories --input in.jsonl \\",
            "        --output out.jsonl",
            "  $ cat out.jsonl",
            "  {\"text\":\"Once upon a time\",\"token_ids\":[1,403,407,261,378],",
            "   \"decoded\":\"Once upon a time\"}"
        })
final class DataTokenizeCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Option(
            names = "--model",
            required = true,
            paramLabel = "MODEL",
            description = "Folder of a model or of its tokenizer files, a tokenizer.json, tokenizer.model or .gguf.")
    private Path model;

    @Option(names = "--input", required = true, paramLabel = "FILE", description = "Rows with a text.")
    private Path input;

    @Mixin
    private OutputOptions output;

    @Option(
            names = "--no-special-tokens",
            description = "Leave out what the tokenizer puts around a text, such as <s> or [CLS].")
    private boolean noSpecialTokens;

    private long tokens;

    @Override
    public void run() {
        output.requireRows(List.of(input));
        try (Tokenizer tokenizer = Tokenizer.load(model)) {
            long rows = DataRows.change(input, output.file(), row -> tokenize(tokenizer, row));
            spec.commandLine()
                    .getOut()
                    .println("%s, %s".formatted(Facts.count(rows, "row"), Facts.count(tokens, "token")));
        }
        spec.commandLine().getOut().flush();
    }

    private void tokenize(Tokenizer tokenizer, ObjectNode row) {
        int[] ids = tokenizer.encode(text(row), !noSpecialTokens);
        tokens += ids.length;
        ArrayNode array = row.putArray("token_ids");
        for (int id : ids) {
            array.add(id);
        }
        row.put("decoded", tokenizer.decode(ids, true));
    }

    private static String text(ObjectNode row) {
        for (String key : List.of("token_ids", "decoded")) {
            if (row.has(key)) {
                throw new IllegalArgumentException("has \"%s\" already; remove it, or rename the key".formatted(key));
            }
        }
        JsonNode text = row.path("text");
        if (!text.isTextual()) {
            throw new IllegalArgumentException(
                    text.isMissingNode() ? "has no \"text\"" : "has a \"text\" that is no string: " + text);
        }
        return text.textValue();
    }
}
