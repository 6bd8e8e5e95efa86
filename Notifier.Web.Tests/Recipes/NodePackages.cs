using System.Security.Cryptography;

namespace Notifier.Tests.Recipes;

/// <summary>
/// The packages of Assets/recipes/package.json, from the npm registry. They are installed once for each version of that file, into the system's
/// folder for temporary files, and shared by all tests and all runs.
/// </summary>
internal static class NodePackages
{
    private static readonly Lazy<Task<string>> Installed = new(InstallAsync);

    /// <returns>The folder that contains <c>node_modules</c>.</returns>
    public static Task<string> FolderAsync() => Installed.Value;

    /// <summary>Makes the packages available in a folder, without a copy.</summary>
    public static async Task LinkAsync(string folder) =>
        Directory.CreateSymbolicLink(Path.Combine(folder, "node_modules"), Path.Combine(await FolderAsync(), "node_modules"));

    private static async Task<string> InstallAsync()
    {
        var list = await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "Assets", "recipes", "package.json"));
        var folder = Path.Combine(Path.GetTempPath(), $"notifier-npm-{Convert.ToHexStringLower(SHA256.HashData(list))[..12]}");
        if (Directory.Exists(folder))
            return folder;
        // Another run of the tests may install at the same time: the first to finish wins.
        var unfinished = Directory.CreateTempSubdirectory("notifier-npm-unfinished-").FullName;
        await File.WriteAllBytesAsync(Path.Combine(unfinished, "package.json"), list);
        await Shell.RunAsync(unfinished, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock");
        try
        {
            Directory.Move(unfinished, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            Directory.Delete(unfinished, recursive: true);
        }
        return folder;
    }
}
