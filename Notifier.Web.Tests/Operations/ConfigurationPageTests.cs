using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Access;
using Notifier.Access.Origins;
using Notifier.Configuration;
using Notifier.Endpoints.Http;
using Notifier.History;
using Notifier.History.Durable;
using Notifier.Hub;
using Notifier.Operations;
using Notifier.Redis;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>docs/configuration.md lists every setting with its default, and no other setting.</summary>
public sealed partial class ConfigurationPageTests
{
    /// <summary>The options classes, by the section that a folder's Setup.cs binds them to.</summary>
    private static readonly (string Section, object Defaults)[] Bound =
    [
        ("Access", new AccessOptions()), ("ForwardedHeaders", new ProxyOptions()), ("Limits", new LimitsOptions()), ("Redis", new RedisOptions()),
        ("History:Recent", new RecentOptions()), ("History:Durable", new DurableOptions()), ("Subscriptions", new SubscriptionsOptions()),
        ("Demo", new DemoOptions()), ("Operations", new OperationsOptions()),
    ];

    /// <summary>
    /// Settings that are not bound to options: files with secrets, and settings that ASP.NET Core and OpenTelemetry read themselves.
    /// </summary>
    private static readonly string[] Others =
        ["Redis:ConfigurationFile", "Access:Tokens:SecretFile", "Urls", "AllowedHosts", "OTEL_EXPORTER_OTLP_ENDPOINT", "Logging:LogLevel:…"];

    [Fact]
    public async Task The_configuration_page_lists_each_setting_with_its_default_and_no_other()
    {
        var page = await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "docs", "configuration.md"));
        var listed = Row().Matches(page).ToDictionary(static row => row.Groups["key"].Value, static row => row.Groups["default"].Value);
        var settings = Bound.SelectMany(static bound => SettingsOf(bound.Section, bound.Defaults)).ToList();

        var keys = settings.Select(static setting => setting.Key).Concat(Others).ToList();

        keys.Except(listed.Keys).Should().BeEmpty("docs/configuration.md needs a row for each setting: add rows for these");
        listed.Keys.Except(keys).Should().BeEmpty("docs/configuration.md lists only settings that exist: remove these rows");
        foreach (var (key, value) in settings)
        {
            if (value is not Array && Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } text)
                listed[key].Should().StartWith($"`{(value is bool ? text.ToLowerInvariant() : text)}`", "this is the default of {0}", key);
            else
                listed[key].Trim('`').Should().NotBeEmpty("docs/configuration.md must describe the behaviour without {0}", key);
        }
    }

    [Fact]
    public void A_setting_has_a_setter_that_binding_can_call()
    {
        Bound.SelectMany(static bound => TypesIn(bound.Defaults.GetType())).Distinct()
            .SelectMany(static type => type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            .Where(static property => property.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true)
            .Select(static property => $"{property.DeclaringType!.Name}.{property.Name}")
            .Should().BeEmpty("the binding generator skips init-only properties: give these a setter");
    }

    [Fact]
    public void Every_options_class_is_compared_with_the_configuration_page()
    {
        var seen = Bound.SelectMany(static bound => TypesIn(bound.Defaults.GetType())).ToHashSet();

        typeof(RedisOptions).Assembly.GetExportedTypes().Where(static type => type.Name.EndsWith("Options", StringComparison.Ordinal))
            .Except(seen).Should().BeEmpty("each options class needs an entry in {0}, with the section that a Setup.cs binds it to", nameof(Bound));
    }

    /// <summary>Otherwise a setting that exists is reported as unknown, or a misspelt one is not.</summary>
    [Fact]
    public void Every_setting_is_known_to_the_check_for_unknown_settings()
    {
        var known = global::Server.Build(["--environment=Development"]).Services.GetServices<KnownSettings>().SelectMany(static section => section.Keys)
            .Where(static key => !key.EndsWith($":{KnownSettings.AnyEntry}", StringComparison.Ordinal))
            .Select(static key => key.Replace(KnownSettings.AnyEntry, "0", StringComparison.Ordinal));

        known.Should().BeEquivalentTo(
            Bound.SelectMany(static bound => SettingsOf(bound.Section, bound.Defaults)).Select(static setting => setting.Key)
                .Concat(Others.Where(static key => key.EndsWith("File", StringComparison.Ordinal))),
            "the Setup.cs of a folder calls AddKnownSettings for each of its options classes, also for those inside another one");
    }

    private static IEnumerable<(string Key, object? Default)> SettingsOf(string section, object options) =>
        options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(static property => property.CanWrite).SelectMany(property =>
        {
            var key = $"{section}:{property.Name}";
            if (Inner(property.PropertyType) is not { } inner)
                return [(key, property.GetValue(options))];
            return SettingsOf(property.PropertyType.IsArray ? $"{key}:0" : key, Activator.CreateInstance(inner)!);
        });

    private static IEnumerable<Type> TypesIn(Type options) =>
        options.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(static property => Inner(property.PropertyType))
            .OfType<Type>().SelectMany(TypesIn).Prepend(options);

    /// <summary>The options class of a property, or of the entries of a list.</summary>
    private static Type? Inner(Type type) =>
        (type.GetElementType() ?? type) is { } inner && inner.Name.EndsWith("Options", StringComparison.Ordinal) ? inner : null;

    [GeneratedRegex(@"^\| `(?<key>[^`]+)` \| (?<default>[^|]*?) \|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
