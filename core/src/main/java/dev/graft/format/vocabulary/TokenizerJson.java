package dev.graft.format.vocabulary;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/// The parts of a `tokenizer.json` that every vocabulary needs.
final class TokenizerJson {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final ObjectNode root = JSON.objectNode();

    TokenizerJson() {
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        root.putArray("added_tokens");
        root.putNull("normalizer").putNull("pre_tokenizer").putNull("post_processor");
    }

    static ObjectNode part(String type) {
        return JSON.objectNode().put("type", type);
    }

    /// A `Sequence` of parts.
    ///
    /// @param name of the list: `normalizers`, `pretokenizers`, `decoders`
    static ObjectNode sequence(String name, List<ObjectNode> parts) {
        ObjectNode sequence = part("Sequence");
        sequence.putArray(name).addAll(parts);
        return sequence;
    }

    /// Replaces what a regular expression finds, or a text.
    static ObjectNode replace(String kind, String pattern, String content) {
        ObjectNode replace = part("Replace");
        replace.putObject("pattern").put(kind, pattern);
        return replace.put("content", content);
    }

    TokenizerJson set(String key, ObjectNode part) {
        root.set(key, part);
        return this;
    }

    /// A token that is found in a text before anything else is done with it.
    TokenizerJson added(int id, String content, boolean special) {
        ((ArrayNode) root.get("added_tokens"))
                .addObject()
                .put("id", id)
                .put("content", content)
                .put("single_word", false)
                .put("lstrip", false)
                .put("rstrip", false)
                .put("normalized", false)
                .put("special", special);
        return this;
    }

    /// Puts `bos` before and `eos` after a text, where they are present.
    TokenizerJson around(List<String> tokens, OptionalInt bos, OptionalInt eos) {
        if (bos.isEmpty() && eos.isEmpty()) {
            return this;
        }
        ObjectNode template = part("TemplateProcessing");
        for (String which : List.of("single", "pair")) {
            ArrayNode places = template.putArray(which);
            for (int sequence = 0; sequence < (which.equals("pair") ? 2 : 1); sequence++) {
                int type = sequence;
                bos.ifPresent(id -> special(places, tokens.get(id), type));
                places.addObject()
                        .putObject("Sequence")
                        .put("id", sequence == 0 ? "A" : "B")
                        .put("type_id", type);
                eos.ifPresent(id -> special(places, tokens.get(id), type));
            }
        }
        ObjectNode described = template.putObject("special_tokens");
        List<Integer> ids = new ArrayList<>();
        bos.ifPresent(ids::add);
        eos.ifPresent(ids::add);
        for (int id : ids) {
            ObjectNode token = described.putObject(tokens.get(id)).put("id", tokens.get(id));
            token.putArray("ids").add(id);
            token.putArray("tokens").add(tokens.get(id));
        }
        return set("post_processor", template);
    }

    private static void special(ArrayNode places, String token, int type) {
        places.addObject().putObject("SpecialToken").put("id", token).put("type_id", type);
    }

    String text() {
        return root.toString();
    }
}
