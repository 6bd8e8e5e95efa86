using FluentAssertions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Configuration;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>Settings that have no effect, or another one than intended, are reported at startup. Otherwise an operator searches for the reason in the wrong place.</summary>
public sealed class ConfigurationCheckTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("Limit:Connections=5", "The setting Limit:Connections does not exist and has no effect: did you mean Limits:Connections?")]
    [InlineData("Limits:Connection=5", "did you mean Limits:Connections?")]
    [InlineData("Access:Anonymous:Subscibe:0=news", "did you mean Access:Anonymous:Subscribe:0?")]
    [InlineData("access:anonymus:subscribe:3=news", "did you mean Access:Anonymous:Subscribe:3?")]
    [InlineData("Access:ApiKeys:0:Secert=a secret of the tests", "did you mean Access:ApiKeys:0:Secret?")]
    [InlineData("Access:AlowedOrigins:1=https://a.example", "did you mean Access:AllowedOrigins:1?")]
    [InlineData("History:Durabel:Channels:0=a", "did you mean History:Durable:Channels:0?")]
    [InlineData("Reddis:Configuration=localhost,password=a secret of the tests", "did you mean Redis:Configuration?")]
    [InlineData("Redis:Pasword=a secret of the tests", "The setting Redis:Pasword does not exist and has no effect: docs/configuration.md lists all settings.")]
    [InlineData("Redis_Configuration=localhost,password=a secret of the tests", "write two underscores, Redis__Configuration")]
    [InlineData("ACCESS_TOKENS_SECRET=a secret of the tests", "write two underscores, ACCESS__TOKENS__SECRET")]
    public void An_unknown_setting_is_reported_with_the_closest_known_one_and_without_its_value(string setting, string told) =>
        Problems(setting).Should().ContainSingle().Which.Should().Contain(told).And.NotContain("a secret");

    [Theory]
    [InlineData("Logging:LogLevel:Default=Debug")]
    [InlineData("Kestrel:Endpoints:Http:Url=http://localhost:1")]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:1")]
    [InlineData("REDIS_PORT_6379_TCP=tcp://10.0.0.1:6379")]
    [InlineData("REDIS=redis://elsewhere")]
    [InlineData("LIMITS=1")]
    [InlineData("npm:config:limits=1")]
    [InlineData("Limits://=a comment in JSON")]
    [InlineData("limits:CONNECTIONS=5")]
    [InlineData("Access:AllowedOrigins:team a=https://a.example")]
    [InlineData("Access:ApiKeys:backend:Name=backend")]
    [InlineData("Redis:ConfigurationFile=/run/secrets/redis")]
    [InlineData("Access:Tokens:SecretFile=/run/secrets/token")]
    [InlineData("Access:Anonymous:Subscribe:0=it's")]
    [InlineData("Redis:ChannelPrefix=my'app'")]
    public void Known_settings_and_settings_of_other_programs_are_not_reported(string setting) => Problems(setting).Should().BeEmpty();

    [Theory]
    [InlineData("Access:Anonymous:Subscribe:0=\"news.*\"", "Access:Anonymous:Subscribe:0 is \"news.*\", and the quotation marks are a part of the name: remove them")]
    [InlineData("Access:Anonymous:Subscribe:0=\"news.*\",", "the quotation marks are a part of the name")]
    [InlineData("Access:ApiKeys:0:Publish:1='orders'", "the quotation marks are a part of the name")]
    [InlineData("History:Durable:Channels:0=\"orders.*", "the quotation marks are a part of the name")]
    [InlineData("Subscriptions:Default:0=news,", "Subscriptions:Default:0 is news,, and the comma is a part of the name")]
    [InlineData("Access:Tokens:Subscribe:0=user.{sub}.*,news", "write each as an entry of its own")]
    [InlineData("Access:Tokens:Secret=\"a secret of the tests, which is long\"", "Access:Tokens:Secret begins and ends with quotation marks, which are a part of its value")]
    [InlineData("Redis:Configuration='localhost,password=a secret'", "Redis:Configuration begins and ends with quotation marks")]
    public void Quotation_marks_and_commas_that_an_env_file_left_in_a_value_are_reported(string setting, string told) =>
        Problems(setting).Should().ContainSingle().Which.Should().Contain(told).And.NotContain("a secret");

    [Fact]
    public async Task The_process_reports_unknown_environment_variables_and_starts()
    {
        await using var server = await ServerProcess.StartAsync(
            fixture.Redis.Configuration, Listen.Plain, new Dictionary<string, string> { ["Limits__Connection"] = "5", ["Access__Anonymous__Subscribe__0"] = "\"news.*\"" });

        server.Output.Should().Contain("Limits:Connection does not exist and has no effect: did you mean Limits:Connections?")
            .And.Contain("Access:Anonymous:Subscribe:0 is \"news.*\", and the quotation marks");
    }

    [Fact]
    public async Task A_misspelt_setting_that_prevents_the_start_is_reported_before_the_reason()
    {
        foreach (var (setting, told) in new[]
        {
            ("Redis:Configuraton=localhost", "Redis:Configuration is empty"),
            ("Access:Tokens:Cookie=token", "Access:Tokens has no key to verify tokens with"),
        })
        {
            var (exitCode, output) = await NotifierProcess.RunAsync("Production", setting, "Access:Tokens:Secert=at least thirty-two bytes of a secret");

            exitCode.Should().Be(1);
            output.Should().Contain("did you mean Access:Tokens:Secret?").And.Contain($"Notifier cannot start. {told}").And.NotContain("thirty-two");
        }
    }

    private static string[] Problems(string setting)
    {
        var (key, value) = (setting[..setting.IndexOf('=', StringComparison.Ordinal)], setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]);
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new(key, value)]).Build();
        return [.. Check.Value.Problems(configuration)];
    }

    private static readonly Lazy<ConfigurationCheck> Check = new(() => global::Server.Build(["--environment=Development"]).Services.GetRequiredService<ConfigurationCheck>());
}
