package dev.graft.data.shape;

import dev.graft.data.Example;
import java.util.Map;
import java.util.Optional;

class ClassificationShapeTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("classification");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of(
                "{'text': 'a', 'label': 'spam'}",
                new Example.Classified("a", Optional.empty(), "spam"),
                "{'text': 'a', 'label': 1}",
                new Example.Classified("a", Optional.empty(), "1"),
                "{'text': 'a', 'text_pair': 'b', 'label': true}",
                new Example.Classified("a", Optional.of("b"), "true"));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'text': 'a', 'label': ''}",
                "\"label\" is empty",
                "{'text': 'a', 'label': null}",
                "\"label\" is null",
                "{'text': 'a', 'label': [1]}",
                "\"label\" is a list");
    }
}
