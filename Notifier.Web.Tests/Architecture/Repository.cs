namespace Notifier.Tests.Architecture;

/// <summary>The clone that the tests were built from.</summary>
internal static class Repository
{
    private static readonly string[] Folders = ["", "docs", "bench"];

    public static string Root { get; } = FindRoot();

    /// <summary>All Markdown pages that people read, relative to the root.</summary>
    public static IEnumerable<string> Pages =>
        Folders.SelectMany(static folder => Directory.EnumerateFiles(Path.Combine(Root, folder), "*.md"))
            .Select(static page => Path.GetRelativePath(Root, page));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Notifier.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside the clone that they were built from.");
        return folder.FullName;
    }
}
