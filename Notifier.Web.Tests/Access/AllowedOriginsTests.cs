using FluentAssertions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Notifier.Access;
using Notifier.Configuration;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>Invalid values of <c>Access:AllowedOrigins</c>.</summary>
public sealed class AllowedOriginsTests
{
    private const string Key = "Access:AllowedOrigins";

    [Theory]
    [InlineData("https://app.example.com/", "remove the slash at the end")]
    [InlineData("https://*.example.com/", "remove the slash at the end")]
    [InlineData("https://app.example.com/path", "an origin such as https://app.example.com")]
    [InlineData("app.example.com", "an origin such as https://app.example.com")]
    [InlineData("", "an origin such as https://app.example.com")]
    [InlineData("*.example.com", "https://*.example.com for all its subdomains")]
    [InlineData("https://*", "https://*.example.com for all its subdomains")]
    [InlineData("https://*.com", "a dot in its name")]
    [InlineData("https://*.com.", "a dot in its name")]
    [InlineData("https://*app.example.com", "https://*.example.com for all its subdomains")]
    [InlineData("https://app.*.example.com", "https://*.example.com for all its subdomains")]
    [InlineData("https://*.*.example.com", "https://*.example.com for all its subdomains")]
    [InlineData("capacitor://*.example.com", "an http or https host")]
    [InlineData("https://user@example.com", "an origin such as https://app.example.com")]
    [InlineData("https://example.com:port", "an origin such as https://app.example.com")]
    public void An_invalid_allowed_origin_is_reported_with_its_setting_and_the_valid_forms(string entry, string told)
    {
        var result = new AccessValidator(new NameRules(Options.Create(new LimitsOptions())), Configuration()).Validate(null, new() { AllowedOrigins = ["null", entry] });

        result.Failures.Should().ContainSingle().Which
            .Should().StartWith($"{Key}:1 is \"{entry}\"; ").And.Contain(told).And.Contain("or * is allowed");
    }

    [Fact]
    public void A_single_value_in_place_of_the_list_of_allowed_origins_is_reported()
    {
        var result = new AccessValidator(new NameRules(Options.Create(new LimitsOptions())), Configuration((Key, "https://example.com"))).Validate(null, new());

        result.Failures.Should().Equal($"{Key} is \"https://example.com\"; set a list instead, whose first entry is {Key}:0.");
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)))
        .Build();
}
