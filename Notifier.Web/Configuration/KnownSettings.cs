using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Notifier.Configuration;

/// <summary>
/// The settings of one section. Registered by each folder for its options, so that <see cref="ConfigurationCheck"/> finds settings that no folder reads.
/// </summary>
/// <param name="Section">Such as <c>Access:Tokens</c>.</param>
/// <param name="Keys">The whole keys. <see cref="AnyEntry"/> stands for the number of an entry of a list.</param>
internal sealed record KnownSettings(string Section, IReadOnlyList<string> Keys)
{
    public const string AnyEntry = "*";

    /// <summary>The settings of an options class, without those of options classes in it: each of these is a section of its own.</summary>
    /// <typeparam name="T">The options class. Its properties survive trimming, and only their names and types are read.</typeparam>
    /// <param name="section">The section that the class is bound to.</param>
    public static KnownSettings Of<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T>(string section) => new(
        section,
        [
            .. typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(static property => property.CanWrite)
                .SelectMany(property => KeysOf(section, property)),
        ]);

    private static string[] KeysOf(string section, PropertyInfo property)
    {
        var (key, type) = ($"{section}:{property.Name}", property.PropertyType);
        return (type.IsArray ? type.GetElementType()! : type).Name.EndsWith("Options", StringComparison.Ordinal) ? []
            : type.IsArray ? [key, $"{key}:{AnyEntry}"]
            : [key];
    }
}

internal static class KnownSettingsSetup
{
    /// <summary>Registers the settings of an options class.</summary>
    public static void AddKnownSettings<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] T>(
        this IServiceCollection services, string section) =>
        services.AddSingleton(KnownSettings.Of<T>(section));
}
