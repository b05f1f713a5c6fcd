using System.Text;
using System.Text.Json.Nodes;
using Serving.Tokenization;

namespace Serving.Tests.Tokenization;

/// <summary>Files that cannot be used are refused with their name, the field and what is supported.</summary>
public sealed class TokenizerFileTests : IDisposable
{
    private const string Words = """{"type":"WordPiece","unk_token":"[UNK]","vocab":{"[UNK]":0,"a":1,"b":2}}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("serving-tokenizer-file-").FullName;

    [Theory]
    [InlineData("""{"truncated""", "cannot be read")]
    [InlineData("""[]""", "the file is not an object")]
    [InlineData("""{}""", "model is missing")]
    [InlineData("""{"model":{"type":"WordLevel","vocab":{"a":0}}}""", "model.type \"WordLevel\" is not supported; supported are BPE, Unigram and WordPiece")]
    [InlineData("""{"model":{"type":"WordPiece","vocab":{}}}""", "model.vocab is empty")]
    [InlineData("""{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0,"b":0}}}""", "one id to two tokens")]
    [InlineData("""{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":-1}}}""", "must be a whole number from 0 to")]
    [InlineData("""{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":99999999}}}""", "must be a whole number from 0 to 2097151")]
    [InlineData("""{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0.5}}}""", "must be a whole number")]
    [InlineData("""{"model":{"type":"WordPiece","unk_token":"a","vocab":{"a":0,"a":1}}}""", "cannot be read")]
    [InlineData("""{"model":{"type":"WordPiece","vocab":["a"]}}""", "model.vocab is not an object")]
    public void A_damaged_or_unknown_model_is_refused(string json, string named) => Refused(json, named);

    [Theory]
    [InlineData("""{"model":{"type":"WordPiece","vocab":{"a":0}}}""", "model has no unk_token")]
    [InlineData("""{"model":{"type":"WordPiece","unk_token":"[UNK]","vocab":{"a":0}}}""", "model.unk_token is \"[UNK]\", which model.vocab does not have")]
    [InlineData("""{"model":{"type":"Unigram","vocab":[["a",-1]]}}""", "model has no unk_id")]
    [InlineData("""{"model":{"type":"Unigram","unk_id":1,"vocab":[["a",-1]]}}""", "model.unk_id is 1")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}""", "has no unk_token, no ByteLevel pre_tokenizer and no byte_fallback")]
    [InlineData("""{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0,"<0x41>":1},"merges":[]}}""", "256 entries <0x00> to <0xFF>")]
    [InlineData("""{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"ByteLevel"}}""", "no unk_token and no entry for byte 0x00")]
    [InlineData("""{"model":{"type":"BPE","unk_token":"?","vocab":{"a":0},"merges":[]}}""", "model.unk_token is \"?\"")]
    public void A_tokenizer_without_the_unk_token_that_it_needs_is_refused(string json, string named) => Refused(json, named);

    [Theory]
    [InlineData("\"a c\"", "model.merges[0] joins \"a\" and \"c\" to \"ac\"")]
    [InlineData("\"a b\"", "joins \"a\" and \"b\" to \"ab\"")]
    [InlineData("\"a\"", "is not two entries")]
    [InlineData("\"a b c\"", "is not two entries")]
    [InlineData("[\"a\"]", "is not two entries")]
    [InlineData("7", "is not a string")]
    public void A_merge_must_name_entries(string merge, string named) =>
        Refused($$$"""{"model":{"type":"BPE","unk_token":"a","vocab":{"a":0,"b":1},"merges":[{{{merge}}}]}}""", named);

    [Theory]
    [InlineData("dropout", "0.1", "ids must not depend on chance")]
    [InlineData("end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix \"</w>\" is not supported")]
    [InlineData("continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix")]
    [InlineData("byte_fallback", "1", "is not true or false")]
    public void Settings_of_byte_pairs_that_are_not_supported_are_refused(string field, string value, string named) =>
        Refused($$$"""{"model":{"type":"BPE","unk_token":"a","vocab":{"a":0},"merges":[],"{{{field}}}":{{{value}}}}}""", named);

    [Theory]
    [InlineData("""{"id":3,"content":""}""", "added_tokens[0].content is empty")]
    [InlineData("""{"id":1,"content":"new"}""", "one id to two tokens")]
    [InlineData("""{"id":3,"content":"a"}""", "one token two ids")]
    [InlineData("""{"id":3}""", "added_tokens[0].content is missing")]
    [InlineData("""{"content":"x"}""", "added_tokens[0].id is missing")]
    [InlineData("""{"id":4000000000,"content":"x"}""", "added_tokens[0].id is 4000000000")]
    public void Added_tokens_must_be_consistent_with_the_vocabulary(string token, string named) => Refused(With("added_tokens", $"[{token}]"), named);

    [Theory]
    [InlineData("normalizer", """{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"ByteLevel"}]}""", "normalizer.normalizers[1].type \"ByteLevel\" is not supported")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"!"}""", "precompiled_charsmap is not base64")]
    [InlineData("normalizer", """{"type":"Precompiled","precompiled_charsmap":"/////w=="}""", "precompiled_charsmap is damaged")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"String":""},"content":"x"}""", "normalizer.pattern.String is empty")]
    [InlineData("normalizer", """{"type":"Replace","pattern":{"Other":""},"content":"x"}""", "normalizer.pattern")]
    [InlineData("pre_tokenizer", """{"type":"UnicodeScripts"}""", "pre_tokenizer.type \"UnicodeScripts\" is not supported; supported are BertPreTokenizer")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"\\p{Han}"},"behavior":"Isolated"}""", "the property \"\\p{Han}\" at character 0")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"(?<n>a)"},"behavior":"Isolated"}""", "the group \"(?<n\"")]
    [InlineData("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"a"},"behavior":"Torn"}""", "pre_tokenizer.behavior \"Torn\" is not supported")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"ab"}""", "must be one character")]
    [InlineData("pre_tokenizer", """{"type":"Metaspace","replacement":"_","prepend_scheme":"always","add_prefix_space":false}""", "contradicts add_prefix_space")]
    [InlineData("decoder", """{"type":"CTC"}""", "decoder.type \"CTC\" is not supported")]
    [InlineData("decoder", """{"type":"Sequence","decoders":[{"type":"Fuse"},{"type":"Strip","content":" ","start":0,"stop":1}]}""", "decoder.decoders[1]")]
    [InlineData("decoder", """{"type":"Replace","pattern":{"Regex":"(a+)+"},"content":""}""", "decoder.pattern")]
    [InlineData("decoder", """{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaaa"}""", "longer than 16 characters")]
    [InlineData("post_processor", """{"type":"Other"}""", "post_processor.type \"Other\"")]
    [InlineData("post_processor", """{"type":"BertProcessing","sep":["[SEP]",9],"cls":["[CLS]",0]}""", "post_processor.sep is not a token")]
    [InlineData("post_processor", """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{}}""", "special_tokens.x is missing")]
    public void A_component_that_is_not_supported_or_damaged_is_named(string field, string value, string named) => Refused(With(field, value), named);

    [Fact]
    public void A_missing_file_and_one_that_nests_too_deeply_are_refused()
    {
        Assert.Contains("cannot be read", Assert.Throws<TokenizerException>(() => TextTokenizer.Load(_folder)).Message);
        Refused(string.Concat(Enumerable.Repeat("{\"model\":", 100)) + "1" + new string('}', 100), "cannot be read");
    }

    [Fact]
    public void A_damaged_charsmap_never_reads_outside_itself()
    {
        var random = new Random(5);
        for (var round = 0; round < 200; round++)
        {
            var blob = new byte[4 + 256 + 8];
            random.NextBytes(blob);
            blob[0] = 0;
            blob[1] = 1;
            blob[2] = blob[3] = 0;
            Write(With("normalizer", $$"""{"type":"Precompiled","precompiled_charsmap":"{{Convert.ToBase64String(blob)}}"}"""));

            Assert.NotNull(TextTokenizer.Load(_folder).Encode("abc é 日本 \0 😀 e\u0301 " + (char)random.Next(0xD7FF)));
        }
    }

    [Fact]
    public void A_normaliser_cannot_make_a_text_grow_without_end()
    {
        var rules = new JsonArray();
        for (var i = 0; i < 10; i++)
        {
            rules.Add(JsonNode.Parse("""{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaa"}"""));
        }

        Write(With("normalizer", new JsonObject { ["type"] = "Sequence", ["normalizers"] = rules }.ToJsonString()));
        var tokenizer = TextTokenizer.Load(_folder);

        Assert.Contains("longer than", Assert.Throws<TokenizerException>(() => tokenizer.Encode("a")).Message);
    }

    [Fact]
    public void A_pattern_that_backtracks_for_ever_is_stopped()
    {
        Write(With("pre_tokenizer", """{"type":"Split","pattern":{"Regex":"(?:a|aa)+(?=[xd])"},"behavior":"Isolated"}"""));
        var tokenizer = TextTokenizer.Load(_folder);

        Assert.Contains("takes longer", Assert.Throws<TokenizerException>(() => tokenizer.Encode(new string('a', 60) + "c")).Message);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string With(string field, string value) => $$$"""{"model":{{{Words}}},"{{{field}}}":{{{value}}}}""";

    private void Refused(string json, string named)
    {
        Write(json);

        var error = Assert.Throws<TokenizerException>(() => TextTokenizer.Load(_folder));
        Assert.Contains("tokenizer.json", error.Message);
        Assert.Contains(named, error.Message);
    }

    private void Write(string json) => File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), json, new UTF8Encoding(false));
}
