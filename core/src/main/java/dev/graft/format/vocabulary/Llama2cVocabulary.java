package dev.graft.format.vocabulary;

import dev.graft.format.FormatException;
import dev.graft.format.Llama2c;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The `tok*.bin` beside a llama2.c checkpoint: for each token a score and its text, in which spaces are
/// spaces. Tokens 0, 1 and 2 are the unknown one, the begin and the end of a text, as everywhere in that
/// family.
final class Llama2cVocabulary {
    private static final List<String> SPECIAL = List.of("<unk>", "<s>", "</s>");

    private Llama2cVocabulary() {}

    /// The files of a Hugging Face folder for the tokenizer of this checkpoint, by name.
    static Map<String, String> files(Path checkpoint) {
        int tokens;
        try (Llama2c model = Llama2c.open(checkpoint)) {
            tokens = model.vocabulary();
        }
        Path folder = checkpoint.toAbsolutePath().getParent();
        List<Path> fitting = candidates(folder).stream()
                .filter(file ->
                        read(file).filter(pieces -> pieces.size() == tokens).isPresent())
                .toList();
        if (fitting.size() != 1) {
            throw new FormatException(
                    checkpoint,
                    fitting.isEmpty()
                            ? "there is no tokenizer of %,d tokens beside it".formatted(tokens)
                            : "several tokenizers of %,d tokens are beside it: %s"
                                    .formatted(
                                            tokens,
                                            fitting.stream()
                                                    .map(file ->
                                                            file.getFileName().toString())
                                                    .collect(Collectors.joining(", "))),
                    "one tok*.bin of %,d tokens in %s".formatted(tokens, folder),
                    "Put the one it was trained with there, alone.");
        }
        return files(read(fitting.getFirst()).orElseThrow());
    }

    private static Map<String, String> files(List<Piece> read) {
        List<String> texts = new ArrayList<>(read.stream().map(Piece::text).toList());
        float[] scores = new float[read.size()];
        PieceType[] types = new PieceType[read.size()];
        Arrays.fill(types, PieceType.NORMAL);
        for (int id = 0; id < scores.length; id++) {
            scores[id] = read.get(id).score;
            if (id < SPECIAL.size()) {
                texts.set(id, SPECIAL.get(id));
                types[id] = id == 0 ? PieceType.UNKNOWN : PieceType.CONTROL;
            } else if (texts.get(id).matches("<0x[0-9A-F]{2}>")) {
                types[id] = PieceType.BYTE;
            }
        }
        Pieces pieces = new Pieces(
                false,
                texts,
                scores,
                types,
                Optional.empty(),
                true,
                false,
                OptionalInt.of(0),
                OptionalInt.of(1),
                OptionalInt.empty());
        return Map.of(
                "tokenizer.json",
                pieces.tokenizerJson(),
                "tokenizer_config.json",
                """
                {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
                 "unk_token": "<unk>", "clean_up_tokenization_spaces": false}""",
                "generation_config.json",
                "{\"bos_token_id\": 1, \"eos_token_id\": 2}");
    }

    private static List<Path> candidates(Path folder) {
        try (Stream<Path> inside = Files.list(folder)) {
            return inside.filter(file -> file.getFileName().toString().matches("tok.*\\.bin"))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder, e);
        }
    }

    private record Piece(String text, float score) {}

    /// The tokens of a file, or nothing when it is not of this kind: an int, then for each token a
    /// float, an int and so many bytes.
    private static Optional<List<Piece>> read(Path file) {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
            int longest = bytes.getInt();
            List<Piece> pieces = new ArrayList<>();
            while (bytes.hasRemaining()) {
                float score = bytes.getFloat();
                int length = bytes.getInt();
                if (length < 0 || length > longest || length > bytes.remaining()) {
                    return Optional.empty();
                }
                String text = StandardCharsets.UTF_8
                        .decode(bytes.slice(bytes.position(), length))
                        .toString();
                bytes.position(bytes.position() + length);
                pieces.add(new Piece(text.replace(' ', '▁'), score));
            }
            return Optional.of(pieces);
        } catch (BufferUnderflowException e) {
            return Optional.empty();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file, e);
        }
    }
}
