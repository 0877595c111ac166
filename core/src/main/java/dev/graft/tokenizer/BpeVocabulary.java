package dev.graft.tokenizer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.format.AtomicFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A trained byte-level BPE vocabulary, and the Hugging Face files it is kept in.
///
/// The first special token both begins and ends a text (`bos_token` and `eos_token`). The tokenizer puts it
/// in front when asked for special tokens, as Llama's does; the end is added by whoever knows that a text is
/// complete.
///
/// @param specialTokens  matched whole in a text, with the first ids
/// @param split          the regular expression that cuts a text into words before anything is merged
/// @param tokens         the bytes of each token, by id: special tokens, the 256 bytes, then one token a
///                       merge
/// @param merges         in the order they were learnt, which is the order they are applied in
public record BpeVocabulary(List<String> specialTokens, String split, List<byte[]> tokens, List<Merge> merges) {
    /// Two token ids that become one.
    public record Merge(int left, int right) {}

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    public BpeVocabulary {
        specialTokens = List.copyOf(specialTokens);
        tokens = List.copyOf(tokens);
        merges = List.copyOf(merges);
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json` into `directory`.
    ///
    /// @param chatTemplate  Jinja, as `chat_template` in the configuration
    public void save(Path directory, String chatTemplate) {
        ObjectMapper mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
        try {
            Files.createDirectories(directory);
            AtomicFiles.writeString(
                    directory.resolve("tokenizer.json"), mapper.writeValueAsString(tokenizerJson()) + "\n");
            AtomicFiles.writeString(
                    directory.resolve("tokenizer_config.json"),
                    mapper.writeValueAsString(tokenizerConfig(chatTemplate)) + "\n");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write the tokenizer into " + directory, e);
        }
    }

    private ObjectNode tokenizerJson() {
        ObjectNode json =
                JSON.objectNode().put("version", "1.0").putNull("truncation").putNull("padding");
        ArrayNode added = json.putArray("added_tokens");
        for (int id = 0; id < specialTokens.size(); id++) {
            added.addObject()
                    .put("id", id)
                    .put("content", specialTokens.get(id))
                    .put("single_word", false)
                    .put("lstrip", false)
                    .put("rstrip", false)
                    .put("normalized", false)
                    .put("special", true);
        }
        json.putNull("normalizer");
        json.set("pre_tokenizer", preTokenizer());
        json.set("post_processor", postProcessor());
        json.set("decoder", byteLevel());
        json.set("model", model());
        return json;
    }

    private ObjectNode preTokenizer() {
        ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
        ArrayNode steps = sequence.putArray("pretokenizers");
        ObjectNode cut = steps.addObject().put("type", "Split");
        cut.putObject("pattern").put("Regex", split);
        cut.put("behavior", "Isolated").put("invert", false);
        steps.add(byteLevel());
        return sequence;
    }

    private static ObjectNode byteLevel() {
        return JSON.objectNode()
                .put("type", "ByteLevel")
                .put("add_prefix_space", false)
                .put("trim_offsets", true)
                .put("use_regex", false);
    }

    /// Puts the first special token in front of a text, and of the second of two.
    private ObjectNode postProcessor() {
        String first = specialTokens.getFirst();
        ObjectNode template = JSON.objectNode().put("type", "TemplateProcessing");
        ArrayNode single = template.putArray("single");
        special(single, first, 0);
        sequence(single, "A", 0);
        ArrayNode pair = template.putArray("pair");
        special(pair, first, 0);
        sequence(pair, "A", 0);
        special(pair, first, 1);
        sequence(pair, "B", 1);
        ObjectNode described =
                template.putObject("special_tokens").putObject(first).put("id", first);
        described.putArray("ids").add(0);
        described.putArray("tokens").add(first);
        return template;
    }

    private static void special(ArrayNode template, String token, int type) {
        template.addObject().putObject("SpecialToken").put("id", token).put("type_id", type);
    }

    private static void sequence(ArrayNode template, String name, int type) {
        template.addObject().putObject("Sequence").put("id", name).put("type_id", type);
    }

    private ObjectNode model() {
        ObjectNode model = JSON.objectNode()
                .put("type", "BPE")
                .putNull("dropout")
                .putNull("unk_token")
                .putNull("continuing_subword_prefix")
                .putNull("end_of_word_suffix")
                .put("fuse_unk", false)
                .put("byte_fallback", false)
                .put("ignore_merges", false);
        ObjectNode vocab = model.putObject("vocab");
        for (int id = 0; id < tokens.size(); id++) {
            vocab.put(id < specialTokens.size() ? specialTokens.get(id) : spelled(tokens.get(id)), id);
        }
        ArrayNode rules = model.putArray("merges");
        for (Merge merge : merges) {
            rules.add(spelled(tokens.get(merge.left())) + " " + spelled(tokens.get(merge.right())));
        }
        return model;
    }

    private ObjectNode tokenizerConfig(String chatTemplate) {
        String first = specialTokens.getFirst();
        return JSON.objectNode()
                .put("tokenizer_class", "PreTrainedTokenizerFast")
                .put("bos_token", first)
                .put("eos_token", first)
                .put("clean_up_tokenization_spaces", false)
                .put("chat_template", chatTemplate);
    }

    /// The bytes in GPT-2's alphabet, in which every byte is a visible character: those of Latin-1 that can
    /// be seen stand for themselves, the others for the characters from U+0100 on, so a space is `Ġ`.
    private static String spelled(byte[] token) {
        var text = new StringBuilder();
        for (byte b : token) {
            text.append(ALPHABET.charAt(b & 0xff));
        }
        return text.toString();
    }

    private static final String ALPHABET = alphabet();

    private static String alphabet() {
        var text = new StringBuilder();
        int hidden = 0;
        for (int b = 0; b < 256; b++) {
            boolean visible = b > 0x20 && b < 0x7f || b > 0xa0 && b != 0xad;
            text.append((char) (visible ? b : 0x100 + hidden++));
        }
        return text.toString();
    }
}
