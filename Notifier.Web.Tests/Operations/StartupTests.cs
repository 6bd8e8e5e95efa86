using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

public sealed class StartupTests
{
    [Fact]
    public async Task A_redis_that_answers_at_the_embedded_port_is_used()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var program = NotifierProcess.Start("Development", $"Redis:EmbeddedPort={redis.Port}");
        await program.PrintsAsync("Try: ");

        program.Output.Should().Contain($"Redis: 127.0.0.1:{redis.Port}")
            .And.Contain("Page: http://127.0.0.1:")
            .And.Contain($"Try: redis-cli -p {redis.Port} publish notifications.new-user");
        await Eventually.IsAsync(
            async () => (await redis.Server.ClientListAsync()).Any(client => client.Name == "notifier"), "it is connected");
    }

    [Fact]
    [Trait(NotifierBuild.Redis, NotifierBuild.Embedded)]
    public async Task The_embedded_redis_starts_and_ends_with_the_process_and_logs_nothing()
    {
        await using var program = NotifierProcess.Start("Development", $"Redis:EmbeddedPort={FreePort.Next()}");
        await program.PrintsAsync("Try: ");

        (await program.TerminateAsync()).Should().Be(0, program.Output);

        program.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Should().HaveCount(5, program.Output);
    }

    [Fact]
    public async Task A_redis_password_is_never_printed_even_if_the_connection_fails()
    {
        const string password = "s3cret";
        await using var redis = await RedisServer.CreateAsync("--requirepass", password);
        var configuration = $"{redis.Configuration},user=default,password={password}";
        await using var program = NotifierProcess.Start(
            "Production", $"Redis:Configuration={configuration}", "Logging:LogLevel:Default=Trace", "Logging:LogLevel:StackExchange=Trace");
        await program.PrintsAsync("Redis does not answer");
        await redis.StartHostAsync(password);
        await program.PrintsAsync("Redis is back");
        await using var wrong = NotifierProcess.Start(
            "Production", $"Redis:Configuration={redis.Configuration},password=wr0ng", "Logging:LogLevel:Default=Trace");
        await wrong.PrintsAsync("Redis authentication failed");

        program.Output.Should().Contain("Redis: see Redis:Configuration")
            .And.Contain($"Try: redis-cli -p {redis.Port} --user default --askpass publish")
            .And.NotContain(password);
        wrong.Output.Should().Contain("check the user and the password in Redis:Configuration").And.NotContain("wr0ng");
    }

    /// <summary>What a hosting provider gives is enough.</summary>
    [Fact]
    public async Task The_url_in_the_environment_is_enough_in_production_and_its_password_is_not_printed()
    {
        const string password = "s3cret/@:%";
        await using var redis = await RedisServer.CreateAsync("--requirepass", password);
        await redis.StartHostAsync(password);
        await using var program = NotifierProcess.Start(
            "Production", new Dictionary<string, string> { ["REDIS_URL"] = $"redis://default:{Uri.EscapeDataString(password)}@{redis.Configuration}/0" },
            "Logging:LogLevel:Default=Trace", "Logging:LogLevel:StackExchange=Trace");
        await program.PrintsAsync("Try: ");
        await program.PrintsAsync("Connected to Redis");

        program.Output.Should().Contain("Redis: see REDIS_URL")
            .And.Contain($"Try: redis-cli -p {redis.Port} --user default --askpass publish")
            .And.NotContain("s3cret").And.NotContain("does not exist and has no effect");
        await Eventually.IsAsync(
            async () => (await redis.Server.ClientListAsync()).Any(client => client.Name == "notifier"), "it is connected");
        using var http = new HttpClient();
        await Eventually.IsAsync(
            async () => (await http.GetAsync(new Uri(program.Address(), "/healthz/ready"))).IsSuccessStatusCode, "the node is ready");
        foreach (var path in new[] { "/healthz/ready", "/healthz/live", "/notifier-demo.json", "/" })
            (await http.GetStringAsync(new Uri(program.Address(), path))).Should().NotContain("s3cret");
    }

    [Fact]
    public async Task The_configuration_wins_over_the_url_in_the_environment()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var program = NotifierProcess.Start(
            "Production", new Dictionary<string, string> { ["REDIS_URL"] = "redis://redis.invalid" }, $"Redis:Configuration=redis://{redis.Configuration}");
        await program.PrintsAsync("Try: ");

        program.Output.Should().Contain("Redis: see Redis:Configuration (REDIS_URL is not used)");
        await Eventually.IsAsync(
            async () => (await redis.Server.ClientListAsync()).Any(client => client.Name == "notifier"), "it is connected");
    }

    [Theory]
    [InlineData("Development", "http://localhost:8081")]
    [InlineData("Production", "http://*:8081")]
    public void The_default_address_depends_on_the_environment(string environment, string address) =>
        Address($"--environment={environment}").Should().Be(address);

    [Theory]
    [InlineData("--urls=http://localhost:1234", "http://localhost:1234")]
    [InlineData("--http_ports=1234", null)]
    [InlineData("--https_ports=1234", null)]
    [InlineData("--Kestrel:Endpoints:Http:Url=http://localhost:1234", null)]
    public void A_configured_address_replaces_the_default_one(string setting, string? address) =>
        Address("--environment=Production", setting).Should().Be(address);

    private static string? Address(params string[] arguments)
    {
        WebApplication app = global::Server.Build([.. arguments, "--Redis:Configuration=127.0.0.1"]);
        return app.Configuration["urls"];
    }
}
