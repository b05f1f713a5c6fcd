using System.Text;
using Serving.Tokenization.Normalization;

namespace Serving.Tests.Tokenization;

/// <summary>Normalisation forms from our own table: the product runs without ICU.</summary>
public sealed class UnicodeFormsTests
{
    [Theory]
    [InlineData("é", "e\u0301", "é", "e\u0301", "é")]
    [InlineData("ﬁ①", "ﬁ①", "ﬁ①", "fi1", "fi1")]
    [InlineData("각", "\u1100\u1161\u11A8", "각", "\u1100\u1161\u11A8", "각")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307")]
    [InlineData("\u1E0B\u0323", "d\u0323\u0307", "\u1E0D\u0307", "d\u0323\u0307", "\u1E0D\u0307")]
    [InlineData("\u212B", "A\u030A", "Å", "A\u030A", "Å")]
    [InlineData("\u0958", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C", "\u0915\u093C")]
    [InlineData("\uFDFA", "\uFDFA", "\uFDFA", "صلى الله عليه وسلم", "صلى الله عليه وسلم")]
    [InlineData("𝔸\U0002F800", "𝔸\u4E3D", "𝔸\u4E3D", "A\u4E3D", "A\u4E3D")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165", "\U0001D157\U0001D165")]
    [InlineData("a\u0315\u0300\u05AE\u0300b", "a\u05AE\u0300\u0300\u0315b", "\u00E0\u05AE\u0300\u0315b", "a\u05AE\u0300\u0300\u0315b", "\u00E0\u05AE\u0300\u0315b")]
    [InlineData("\u0344x\u0340", "\u0308\u0301x\u0300", "\u0308\u0301x\u0300", "\u0308\u0301x\u0300", "\u0308\u0301x\u0300")]
    [InlineData("ascii", "ascii", "ascii", "ascii", "ascii")]
    public void The_four_forms_are_those_of_the_standard(string text, string nfd, string nfc, string nfkd, string nfkc)
    {
        Assert.Equal(nfd, UnicodeForms.Nfd(text));
        Assert.Equal(nfc, UnicodeForms.Nfc(text));
        Assert.Equal(nfkd, UnicodeForms.Nfkd(text));
        Assert.Equal(nfkc, UnicodeForms.Nfkc(text));
    }

    [Fact]
    public void Forms_of_random_text_are_stable_and_agree_with_each_other()
    {
        var random = new Random(3);
        for (var round = 0; round < 2_000; round++)
        {
            var text = new StringBuilder();
            for (var i = 0; i < 8; i++)
            {
                text.Append(random.Next(3) switch
                {
                    0 => (char)random.Next(0x300, 0x370),
                    1 => (char)random.Next(0x40, 0x250),
                    _ => (char)random.Next(0x250, 0xD800),
                });
            }

            var (nfd, nfc) = (UnicodeForms.Nfd(text.ToString()), UnicodeForms.Nfc(text.ToString()));
            Assert.Equal(nfd, UnicodeForms.Nfd(nfd));
            Assert.Equal(nfc, UnicodeForms.Nfc(nfc));
            Assert.Equal(nfd, UnicodeForms.Nfd(nfc));
            Assert.Equal(nfc, UnicodeForms.Nfc(nfd));
            Assert.Equal(UnicodeForms.Nfkc(text.ToString()), UnicodeForms.Nfkc(nfc));
            Assert.Equal(UnicodeForms.Nfkd(text.ToString()), UnicodeForms.Nfd(UnicodeForms.Nfkc(text.ToString())));
        }
    }
}
