using Serving.Testing;
using Serving.Trainer.Data;
using Serving.Trainer.Terminal;
using static Serving.Trainer.Tests.Data.SampleGroups;

namespace Serving.Trainer.Tests.Data;

public sealed class TeacherFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_stored_comes_back_with_its_answers()
    {
        var group = Group("a", [1, 2]);        // answers of 2 and 3 tokens
        TeacherTokens[] stored = [new([7, 8, 9, 7], [-.1f, -3.25f, -.5f, -1]), new([1, 2, 3, 4, 5, 6], [-.1f, -2, -.2f, -2, -.3f, float.MinValue])];
        File.WriteAllLines(_folder.File("teacher"), stored.Select((tokens, i) => TeacherFile.Line("a", i, 2, tokens)));

        var file = TeacherFile.Read(_folder.File("teacher"));
        var attached = file.Attach(group);

        Assert.Equal((2, 2), (file.K, file.Count));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(stored[i].Ids, attached.Candidates[i].Teacher!.Ids);
            Assert.Equal(stored[i].LogProbs, attached.Candidates[i].Teacher!.LogProbs);
        }

        Assert.Null(group.Candidates[0].Teacher);
    }

    [Fact]
    public void An_answer_that_it_does_not_know_or_that_has_another_length_is_refused()
    {
        File.WriteAllText(_folder.File("teacher"), TeacherFile.Line("a", 0, 1, new([7], [-.1f])));
        var file = TeacherFile.Read(_folder.File("teacher"));

        Assert.Contains("answer 0 of episode a", Assert.Throws<InvalidDataException>(() => file.Attach(Group("a", [1]))).Message, StringComparison.Ordinal);
        Assert.Contains("episode b", Assert.Throws<InvalidDataException>(() => file.Attach(Group("b", [1]))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("not json", "line 1 is not an answer of a teacher")]
    [InlineData("null", "line 1 is not an answer of a teacher")]
    [InlineData("""{"episode":"a","candidate":0,"k":2,"ids":[1,2]}""", "line 1 is not an answer of a teacher")]
    [InlineData("""{"episode":"a","candidate":0,"k":2,"ids":null,"log_probs":[]}""", "line 1 is not an answer of a teacher")]
    [InlineData("""{"episode":"a","candidate":0,"k":2,"ids":[1,2,3],"log_probs":[-1,-1,-1]}""", "line 1: ids and log_probs")]
    [InlineData("""{"episode":"a","candidate":0,"k":0,"ids":[],"log_probs":[]}""", "line 1: ids and log_probs")]
    [InlineData("""{"episode":"a","candidate":0,"k":1,"ids":[-1],"log_probs":[-1]}""", "line 1: ids and log_probs")]
    [InlineData("""{"episode":"a","candidate":0,"k":1,"ids":[1],"log_probs":[0.5]}""", "line 1: ids and log_probs")]
    public void A_file_that_the_verb_did_not_write_is_an_error_that_says_so(string text, string expected)
    {
        File.WriteAllText(_folder.File("teacher"), text);

        var error = Assert.Throws<InvalidDataException>(() => TeacherFile.Read(_folder.File("teacher")));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("verb \"teacher\"", error.Message, StringComparison.Ordinal);
        Assert.True(UserError.Is(error));
    }
}
