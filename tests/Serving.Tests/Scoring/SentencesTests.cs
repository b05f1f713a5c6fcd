using Serving.Scoring;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class SentencesTests
{
    [Theory]
    [InlineData("")]
    [InlineData("  \n\n ")]
    [InlineData("one line without a stop", "one line without a stop")]
    [InlineData("First one. Second one! Third?", "First one.", "Second one!", "Third?")]
    [InlineData("Uses TCP, e.g. over Wi-Fi. Fast.", "Uses TCP, e.g. over Wi-Fi.", "Fast.")]
    [InlineData("Written by J. Smith et al. Versions differ.", "Written by J. Smith et al. Versions differ.")]
    [InlineData("Version 1.2.3 is out. It works.", "Version 1.2.3 is out.", "It works.")]
    [InlineData("He said \"stop.\" Then left.", "He said \"stop.\"", "Then left.")]
    [InlineData("wrapped at a\nfixed width. And on", "wrapped at a\nfixed width.", "And on")]
    [InlineData("Features:\n * fast\n * small\n\nMore text", "Features:", "* fast", "* small", "More text")]
    [InlineData("0 A.D. is free. Play", "0 A.D. is free.", "Play")]
    [InlineData("日本語。次の文。", "日本語。", "次の文。")]
    [InlineData("ends with a stop.", "ends with a stop.")]
    [InlineData("Wait... what? Yes", "Wait... what?", "Yes")]
    [InlineData("Uses TCP. distcc is small.", "Uses TCP.", "distcc is small.")]
    [InlineData("A Yahoo! messenger for the U.S. market with max. 5 users", "A Yahoo! messenger for the U.S. market with max. 5 users")]
    [InlineData("Based on Node.js. It works", "Based on Node.js.", "It works")]
    public void Text_splits_into_sentences(string text, params string[] sentences)
    {
        Assert.Equal(sentences, Sentences.Split(text).Select(range => text[range]));
    }
}
