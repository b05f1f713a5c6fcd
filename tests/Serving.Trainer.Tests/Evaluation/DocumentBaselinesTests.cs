using Serving.Trainer.Evaluation;

namespace Serving.Trainer.Tests.Evaluation;

public sealed class DocumentBaselinesTests
{
    [Theory]
    [InlineData("Foo is a fast reader for mail, news and feeds. It has plugins.\nMore.", "Foo is a fast reader for mail, news and feeds.", "fast reader for mail")]
    [InlineData("This module provides one two three four five six seven eight", "This module provides one two three four five six seven eight", "one two three four five six seven")]
    [InlineData("Tools that read mail.", "Tools that read mail.", "Tools")]
    [InlineData("Reader", "Reader", "Reader")]
    [InlineData("", "", "")]
    public void First_sentence_and_first_clause(string document, string sentence, string clause)
    {
        Assert.Equal(sentence, DocumentBaselines.FirstSentence(document));
        Assert.Equal(clause, DocumentBaselines.FirstClause(document));
    }
}
