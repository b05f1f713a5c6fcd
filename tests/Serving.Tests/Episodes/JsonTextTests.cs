using System.Text.Json;
using Serving.Episodes;

namespace Serving.Tests.Episodes;

public sealed class JsonTextTests
{
    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("\0\u0001\u001f \"\\/\b\f\n\r\t\u007f\u2028")]
    [InlineData("😀 a😀")]
    [InlineData("\uD83D")]
    [InlineData("\uDE00\uD83D x \uDE00")]
    public void A_string_comes_back_as_it_was(string text)
    {
        Assert.Equal([text, "", text + text], JsonText.ReadArray(Array(text, "", text + text)));
    }

    [Fact]
    public void Other_parsers_read_it()
    {
        string[] texts = ["a", "\"\\\n", "😀\u2028"];

        Assert.Equal(texts, JsonSerializer.Deserialize<string[]>(Array(texts)));
    }

    [Fact]
    public void Every_escape_of_json_is_understood()
    {
        Assert.Equal(["\"\\/\b\f\n\r\té😀"], JsonText.ReadArray("""[ "\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00" ]"""u8));
    }

    [Fact]
    public void A_map_keeps_its_entries()
    {
        var map = new Dictionary<string, string> { [""] = "\0", ["b\"\uD83D"] = "" };
        using var target = new PooledBuffer();

        JsonText.WriteObject(target, map);

        Assert.Equal(map, JsonText.ReadObject(target.Written));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[")]
    [InlineData("[1]")]
    [InlineData("[\"a\"")]
    [InlineData("[\"a\"] 1")]
    [InlineData("{}")]
    [InlineData("\"a\"")]
    [InlineData("[[\"a\"]]")]
    public void What_is_no_list_of_strings_is_refused(string json)
    {
        Assert.Throws<InvalidDataException>(() => JsonText.ReadArray(System.Text.Encoding.UTF8.GetBytes(json)));
    }

    [Fact]
    public void Broken_utf8_is_refused()
    {
        Assert.Throws<InvalidDataException>(() => JsonText.ReadArray([(byte)'[', (byte)'"', 0xC3, (byte)'"', (byte)']']));
    }

    private static byte[] Array(params string[] texts)
    {
        using var target = new PooledBuffer();
        JsonText.WriteArray(target, texts);
        return target.Written.ToArray();
    }
}
