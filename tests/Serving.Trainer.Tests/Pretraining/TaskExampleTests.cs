using Serving.Testing;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Tests.Pretraining;

public sealed class TaskExampleTests
{
    [Theory]
    [InlineData("{\"id\":\"a\",\"document\":\"d\"}")]
    [InlineData("{\"id\":\"a\",\"document\":\"\",\"summary\":\"s\"}")]
    [InlineData("{\"id\":")]
    public void A_damaged_line_is_named_by_file_and_number(string line)
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("pairs.jsonl");
        File.WriteAllLines(path, ["{\"id\":\"x\",\"section\":\"s\",\"document\":\"d\",\"summary\":\"s\"}", line]);

        var error = Assert.Throws<InvalidDataException>(() => TaskExample.Read(path));

        Assert.Contains("pairs.jsonl, line 2", error.Message);
    }
}
