package dev.graft.data.shape;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.Example;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// What every shape must do.
abstract class RowShapeContract {
    private static final ObjectMapper JSON = new ObjectMapper();

    protected abstract RowShape shape();

    /// Rows as JSON and what they teach.
    protected abstract Map<String, Example> rows();

    /// Rows that have the columns of the shape and are wrong all the same, and words of the complaint.
    protected abstract Map<String, String> faulty();

    @Test
    void rowsBecomeExamples() {
        rows().forEach((row, example) ->
                assertThat(shape().example(json(row))).as(row).isEqualTo(example));
    }

    @Test
    void rowsAreFoundToBeOfThisShapeAlone() {
        rows().forEach((row, example) ->
                assertThat(RowShapes.of(json(row), Set.of())).as(row).containsExactly(shape()));
    }

    @Test
    void furtherColumnsChangeNothing() {
        rows().forEach((row, example) -> {
            ObjectNode more = json(row).put("id", 7).put("source", "web").putNull("score");
            assertThat(RowShapes.of(more, Set.of())).as(row).containsExactly(shape());
            assertThat(shape().uses(more, RowShapes.filled(more))).doesNotContain("id", "source", "score");
        });
    }

    @Test
    void rowsThatLackAColumnSaySo() {
        rows().forEach((row, example) -> {
            ObjectNode whole = json(row);
            for (String column : shape().uses(whole, RowShapes.filled(whole))) {
                ObjectNode less = whole.deepCopy();
                less.remove(column);
                if (shape().uses(less, RowShapes.filled(less)).isEmpty()) {
                    assertThatThrownBy(() -> shape().example(less))
                            .as("%s without %s", row, column)
                            .isInstanceOf(IllegalArgumentException.class)
                            .message()
                            .containsAnyOf("has no", "is missing");
                }
            }
        });
    }

    @Test
    void faultyRowsSayWhatIsWrong() {
        faulty().forEach((row, words) -> assertThatThrownBy(() -> shape().example(json(row)))
                .as(row)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(words));
    }

    @Test
    void isRegisteredUnderItsName() {
        assertThat(RowShapes.named(shape().name())).contains(shape());
        assertThat(RowShapes.samples(shape().kind())).contains(shape().sample());
        assertThat(RowShapes.columns()).containsAll(shape().columns());
    }

    static ObjectNode json(String row) {
        try {
            return (ObjectNode) JSON.readTree(row.replace('\'', '"'));
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(row, e);
        }
    }

    static RowShape registered(String name) {
        return RowShapes.named(name).orElseThrow();
    }
}
