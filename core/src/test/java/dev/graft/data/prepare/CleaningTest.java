package dev.graft.data.prepare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.prepare.Cleaning.Note;
import dev.graft.data.prepare.Cleaning.Options;
import dev.graft.data.prepare.Cleaning.Outcome;
import dev.graft.data.prepare.Cleaning.PiiAction;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CleaningTest {
    private static final Options NOTHING = new Options(
            Set.of(), false, OptionalDouble.empty(), List.of(), QualityLimits.none(), PiiAction.IGNORE, Set.of());

    private static ObjectNode row(String json) {
        try {
            return (ObjectNode) new ObjectMapper().readTree(json.replace('\'', '"'));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Options pii(PiiAction action) {
        return new Options(
                Set.of(),
                false,
                OptionalDouble.empty(),
                List.of(),
                QualityLimits.none(),
                action,
                EnumSet.allOf(Pii.class));
    }

    private static Options duplicates(boolean exact, OptionalDouble near, String... by) {
        return new Options(Set.of(), exact, near, List.of(by), QualityLimits.none(), PiiAction.IGNORE, Set.of());
    }

    @Test
    void rowsThatNothingIsWrongWithStayAsTheyAre() {
        ObjectNode row = row("{'prompt': 'a  b', 'completion': 'c', 'n': 1.50, 'deep': {'x': [null, 'y']}}");
        Outcome outcome = new Cleaning(NOTHING).next(row, "row 1");
        assertThat(outcome.row()).contains(row);
        assertThat(outcome.notes()).isEmpty();
    }

    @Test
    void rowsWithoutTextGo() {
        Outcome outcome =
                new Cleaning(NOTHING).next(row("{'messages': [{'role': 'user', 'content': ' '}], 'n': 3}"), "row 1");
        assertThat(outcome.row()).isEmpty();
        assertThat(outcome.notes()).containsExactly(new Note("removed", "empty", "it holds no text"));
    }

    @Test
    void ofEqualRowsTheFirstStaysAndTheOtherSaysWhichItEquals() {
        var cleaning = new Cleaning(duplicates(true, OptionalDouble.empty()));
        assertThat(cleaning.next(row("{'text': 'same', 'id': '1'}"), "a.jsonl row 1")
                        .row())
                .isPresent();
        assertThat(cleaning.next(row("{'text': 'same', 'id': '2'}"), "a.jsonl row 2")
                        .notes())
                .containsExactly(new Note("removed", "exact_duplicate", "the same as a.jsonl row 1"));
        assertThat(cleaning.rows()).isEqualTo(2);
        assertThat(cleaning.kept()).isEqualTo(1);
        assertThat(cleaning.counts()).containsExactly(Map.entry("removed exact_duplicate", 1));
    }

    @Test
    void nearDuplicatesAreComparedWithTheRowsThatStayed() {
        var cleaning = new Cleaning(duplicates(false, OptionalDouble.of(0.5), "prompt"));
        cleaning.next(row("{'prompt': 'one two three four five six', 'completion': 'a'}"), "row 1");
        Outcome second = cleaning.next(row("{'prompt': 'one two three four five seven', 'completion': 'b'}"), "row 2");
        // four runs each, three shared: 3/5
        assertThat(second.notes()).containsExactly(new Note("removed", "near_duplicate", "0.600 similar to row 1"));
        assertThat(cleaning.next(row("{'prompt': 'something new', 'completion': 'a'}"), "row 3")
                        .row())
                .isPresent();
    }

    @Test
    void aMissingKeyToCompareByIsNamed() {
        var cleaning = new Cleaning(duplicates(true, OptionalDouble.empty(), "question"));
        assertThatThrownBy(() -> cleaning.next(row("{'prompt': 'a', 'completion': 'b'}"), "row 1"))
                .hasMessageContaining("\"question\"")
                .hasMessageContaining("prompt, completion");
    }

    @Test
    void personalDataIsReportedMaskedOrRemoved() {
        String json = "{'messages': [{'role': 'user', 'content': 'I am a@b.io'}]}";
        Outcome reported = new Cleaning(pii(PiiAction.REPORT)).next(row(json), "row 1");
        assertThat(reported.row()).contains(row(json));
        assertThat(reported.notes()).containsExactly(new Note("reported", "pii_email", "1 of kind email"));
        assertThat(new Cleaning(pii(PiiAction.MASK)).next(row(json), "row 1").row())
                .contains(row("{'messages': [{'role': 'user', 'content': 'I am <EMAIL>'}]}"));
        assertThat(new Cleaning(pii(PiiAction.REMOVE)).next(row(json), "row 1").row())
                .isEmpty();
    }

    @Test
    void limitsSayWhatWasFoundAndWhatWasWanted() {
        var limits = new QualityLimits(5, 100, 0.5, 0.4, 0.5, 0);
        var cleaning = new Cleaning(
                new Options(Set.of(), false, OptionalDouble.empty(), List.of(), limits, PiiAction.IGNORE, Set.of()));
        assertThat(reason(cleaning, "abc")).isEqualTo("too_short: 3 characters, at least 5 wanted");
        assertThat(reason(cleaning, "1 + 2 = 3 a")).startsWith("few_letters");
        assertThat(reason(cleaning, "same\\nsame\\nsame")).startsWith("repeated_lines: 0.67");
        assertThat(reason(cleaning, "a b c d a b c d a b c d")).startsWith("repeated_phrases");
        assertThat(reason(cleaning, "broken \\uFFFD text")).startsWith("odd_characters: 1");
    }

    private static String reason(Cleaning cleaning, String text) {
        Note note =
                cleaning.next(row("{'text': '" + text + "'}"), "row 1").notes().getFirst();
        return note.reason() + ": " + note.detail();
    }

    @Test
    void normalisedRowsSayThatTheyChanged() {
        var cleaning = new Cleaning(new Options(
                EnumSet.allOf(Normalisation.class),
                false,
                OptionalDouble.empty(),
                List.of(),
                QualityLimits.none(),
                PiiAction.IGNORE,
                Set.of()));
        Outcome outcome = cleaning.next(row("{'text': 'a\\r\\nb', 'role': 'x\\r'}"), "row 1");
        assertThat(outcome.row()).contains(row("{'text': 'a\\nb', 'role': 'x\\r'}"));
        assertThat(outcome.notes()).map(Note::reason).containsExactly("normalised");
    }
}
