using System.Diagnostics;
using Serving.Trainer.Datasets;

namespace Serving.Trainer.Tests.Datasets;

public sealed class PackageIndexTests : IDisposable
{
    private readonly Archive _archive = new Archive()
        .Add("abook2vcard", "converts address books", "Reads address books.\n.\nWrites vCards.", source: "vcard-tools")
        .Add("zebra", "striped viewer", "Shows stripes.", section: "universe/games")
        .Write();

    public void Dispose() => _archive.Dispose();

    [Fact]
    public void Names_sources_and_sections_come_from_Packages_and_texts_from_Translation()
    {
        var packages = PackageIndex.Read([_archive.Packages], [_archive.Translations]);

        Assert.Equal(["abook2vcard", "zebra"], packages.Select(package => package.Name));
        Assert.Equal(["vcard-tools", "zebra"], packages.Select(package => package.Source));
        Assert.Equal(["utils", "universe/games"], packages.Select(package => package.Section));
        Assert.Equal("converts address books", packages[0].Synopsis);
        Assert.Equal(["Reads address books.", "Writes vCards."], packages[0].Lines);
    }

    [Fact]
    public void Gzip_is_unpacked()
    {
        Assert.Equal(2, PackageIndex.Read([Archive.Zip(_archive.Packages)], [Archive.Zip(_archive.Translations)]).Count);
    }

    [Theory]
    [InlineData("xz", ".xz")]
    [InlineData("lz4", ".lz4")]
    public void What_the_system_can_unpack_is_read(string program, string ending)
    {
        var packed = _archive.Packages + ending;
        if (!Pack(program, _archive.Packages, packed))
        {
            Assert.Skip($"{program} is not installed.");
        }

        Assert.Equal(2, PackageIndex.Read([packed], [_archive.Translations]).Count);
    }

    [Fact]
    public void A_file_that_is_not_what_its_ending_says_is_named()
    {
        var damaged = _archive.Packages + ".xz";
        File.WriteAllText(damaged, "not packed at all");

        var error = Assert.ThrowsAny<Exception>(() => PackageIndex.Read([damaged], [_archive.Translations]));

        Assert.True(error is InvalidDataException or InvalidOperationException);
        Assert.Contains(error is InvalidDataException ? damaged : "install it", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Old_indices_carry_the_description_themselves()
    {
        File.WriteAllText(_archive.File("Packages"), "Package: old\nSection: misc\nDescription: an old package\n Described in its own index.\n");

        var package = Assert.Single(PackageIndex.Read([_archive.File("Packages")], []));

        Assert.Equal(["Described in its own index."], package.Lines);
    }

    [Fact]
    public void Files_that_do_not_belong_together_are_refused_with_what_to_give()
    {
        File.WriteAllText(_archive.File("Translation-en"), "Package: zebra\nDescription-md5: other\nDescription-en: x\n y\n");

        var error = Assert.Throws<InvalidDataException>(() => PackageIndex.Read([_archive.Packages], [_archive.File("Translation-en")]));

        Assert.Contains("same suite", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_of_a_folder_are_found_by_their_names()
    {
        var lists = AptLists.In(_archive.Folder);

        Assert.Equal([_archive.Packages], lists.Packages);
        Assert.Equal([_archive.Translations], lists.Translations);
        File.Delete(_archive.Translations);
        Assert.Contains("1 Packages and 0 Translation-en", Assert.Throws<InvalidDataException>(() => AptLists.In(_archive.Folder)).Message, StringComparison.Ordinal);
    }

    private static bool Pack(string program, string path, string packed)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["-c", path]) { RedirectStandardOutput = true })!;
            using (var file = File.Create(packed))
            {
                process.StandardOutput.BaseStream.CopyTo(file);
            }

            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
