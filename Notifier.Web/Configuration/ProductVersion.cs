using System.Reflection;

namespace Notifier.Configuration;

/// <summary>The version from Directory.Build.props, with the commit if that is known: <c>1.2.3+0123abc</c>.</summary>
internal static class ProductVersion
{
    private const int ShownOfCommit = 7;

    public static string Text { get; } = Shorten(
        typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion);

    private static string Shorten(string version) =>
        version.Split('+') is [var number, { Length: > ShownOfCommit } commit] ? $"{number}+{commit[..ShownOfCommit]}" : version;
}
