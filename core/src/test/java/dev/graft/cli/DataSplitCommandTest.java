package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.SharedData;
import dev.graft.format.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataSplitCommandTest {
    @TempDir
    Path folder;

    @Test
    void everyRowIsInOnePartAndTheSameSeedGivesTheSameParts() throws IOException {
        List<String> rows = rows(100);
        Ran ran = split("parts", "--validation", "0.1", "--test", 20);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(part("parts", "train")).hasSize(70);
        assertThat(part("parts", "validation")).hasSize(10);
        assertThat(part("parts", "test")).hasSize(20);
        List<String> all = new ArrayList<>(part("parts", "train"));
        all.addAll(part("parts", "validation"));
        all.addAll(part("parts", "test"));
        assertThat(all).containsExactlyInAnyOrderElementsOf(rows);
        split("again", "--validation", "0.1", "--test", 20);
        assertThat(part("again", "test")).isEqualTo(part("parts", "test"));
        split("other", "--validation", "0.1", "--test", 20, "--seed", 7);
        assertThat(part("other", "test")).isNotEqualTo(part("parts", "test"));
        JsonNode how = Json.readObject(folder.resolve("parts/split.json"), "a split");
        assertThat(how.path("rows").toString()).isEqualTo("[70,10,20]");
        assertThat(how.path("seed").asInt()).isEqualTo(42);
    }

    @Test
    void groupsStayTogetherAndLabelsAreSpread() throws IOException {
        rows(100);
        split("parts", "--validation", "0.2", "--stratify", "label", "--group", "user");
        Set<String> users = new HashSet<>();
        for (String row : part("parts", "validation")) {
            users.add(row.replaceAll(".*\"user\":\"(\\w+)\".*", "$1"));
        }
        assertThat(part("parts", "train")).noneMatch(row -> users.contains(row.replaceAll(".*\"user\":\"(\\w+)\".*", "$1")));
        assertThat(part("parts", "validation")).filteredOn(row -> row.contains("\"label\":\"odd\"")).hasSizeBetween(8, 12);
    }

    @Test
    void partsOfRealMessagesDoNotLeak() {
        Ran ran = Ran.graft(
                "data", "split", SharedData.file("classification/sms_spam_train.tsv"), "--output", folder.resolve("parts"));
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        Ran check = Ran.graft(
                "data",
                "check",
                folder.resolve("parts/train.jsonl"),
                "--eval",
                folder.resolve("parts/validation.jsonl"),
                "--columns",
                "prompt=text,completion=label",
                "--model",
                SharedData.file("models/stories260k/hf"));
        assertThat(check.out()).contains("0 errors").doesNotContain("leak");
    }

    @Test
    void badSettingsAreSentencesAndLeaveNoParts() throws IOException {
        rows(10);
        assertThat(split("parts", "--validation", "1.5").err())
                .contains("--validation is \"1.5\"; expected a share such as 0.1 or a number of rows such as 500");
        assertThat(split("parts", "--test", "10").err()).contains("leave", "to train on");
        assertThat(split("parts", "--stratify", "colour").err()).contains("has no \"colour\"; its keys are");
        assertThat(split("parts", "--near-duplicates", "0").err()).contains("similarity");
        assertThat(folder.resolve("parts/train.jsonl")).doesNotExist();
        assertThat(split("parts").exitCode()).isZero();
        assertThat(split("parts").err()).contains("exists", "--overwrite");
        assertThat(split("parts", "--overwrite").exitCode()).isZero();
        assertThat(Ran.graft("data", "split", folder.resolve("in.jsonl")).exitCode()).isEqualTo(2);
    }

    @Test
    void partThatIsNoLongerWantedDoesNotStayBehind() throws IOException {
        rows(10);
        split("parts", "--test", "2");
        assertThat(folder.resolve("parts/test.jsonl")).exists();
        split("parts", "--overwrite");
        assertThat(folder.resolve("parts/test.jsonl")).doesNotExist();
    }

    private List<String> rows(int count) throws IOException {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add("{\"text\":\"row %d alpha%d beta%d\",\"label\":\"%s\",\"user\":\"u%d\"}"
                    .formatted(i, i, i, i % 2 == 0 ? "even" : "odd", i / 2));
        }
        Files.writeString(folder.resolve("in.jsonl"), String.join("\n", rows) + "\n");
        return rows;
    }

    private List<String> part(String parts, String name) throws IOException {
        return Files.readAllLines(folder.resolve(parts).resolve(name + ".jsonl"));
    }

    private Ran split(String parts, Object... more) {
        List<Object> arguments = new ArrayList<>(
                List.of("data", "split", folder.resolve("in.jsonl"), "--output", folder.resolve(parts)));
        arguments.addAll(Arrays.asList(more));
        return Ran.graft(arguments.toArray());
    }
}
