package dev.graft.data.shape;

import dev.graft.data.Example;
import java.util.Map;

class TextShapeTest extends RowShapeContract {

    @Override
    protected RowShape shape() {
        return registered("text");
    }

    @Override
    protected Map<String, Example> rows() {
        return Map.of("{'text': 'once'}", new Example.Text("once"));
    }

    @Override
    protected Map<String, String> faulty() {
        return Map.of(
                "{'text': 3}", "\"text\" is the number 3; expected a string", "{'text': ['a']}", "\"text\" is a list");
    }
}
