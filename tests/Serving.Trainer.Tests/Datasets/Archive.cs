using System.IO.Compression;
using System.Text;
using Serving.Testing;

namespace Serving.Trainer.Tests.Datasets;

/// <summary>A small made-up archive: Packages and Translation-en of invented packages, in a temporary folder.</summary>
internal sealed class Archive : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StringBuilder _packages = new();
    private readonly StringBuilder _translations = new();

    public string Folder => _folder.Path;

    public string Packages => _folder.File("example.org_dists_stable_main_binary-amd64_Packages");

    public string Translations => _folder.File("example.org_dists_stable_main_i18n_Translation-en");

    public string File(string name) => _folder.File(name);

    /// <summary>Adds a package; the description's lines are given without the leading blank.</summary>
    public Archive Add(string name, string synopsis, string description, string? source = null, string section = "utils")
    {
        var digest = $"md5-{name}";
        _packages.Append($"Package: {name}\n{(source is null ? "" : $"Source: {source} (1.0-2)\n")}Version: 1.0\nSection: {section}\nDescription: {synopsis}\nDescription-md5: {digest}\nTag: one,\n two\n\n");
        _translations.Append($"Package: {name}\nDescription-md5: {digest}\nDescription-en: {synopsis}\n {description.Replace("\n", "\n ", StringComparison.Ordinal)}\n\n");
        return this;
    }

    public Archive Write()
    {
        System.IO.File.WriteAllText(Packages, _packages.ToString());
        System.IO.File.WriteAllText(Translations, _translations.ToString());
        return this;
    }

    /// <summary>The same file with gzip's compression and ending.</summary>
    public static string Zip(string path)
    {
        using var zipped = System.IO.File.Create(path + ".gz");
        using var stream = new GZipStream(zipped, CompressionLevel.Fastest);
        stream.Write(System.IO.File.ReadAllBytes(path));
        return path + ".gz";
    }

    public void Dispose() => _folder.Dispose();
}
