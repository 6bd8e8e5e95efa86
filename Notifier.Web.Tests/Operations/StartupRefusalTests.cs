using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Notifier.Operations;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>An invalid configuration stops the process. It prints one message with the key to set, and nothing else.</summary>
public sealed class StartupRefusalTests
{
    [Fact]
    public async Task Production_without_a_redis_does_not_start_and_the_message_names_the_key()
    {
        var message = await PrintedAsync("Production");

        message.Should().Contain("Redis:Configuration").And.Contain("Redis__Configuration=localhost:6379").And.Contain("Redis:Embedded=true")
            .And.Contain("REDIS_URL=rediss://default:password@redis.example.com:6379");
    }

    [Theory]
    [InlineData("Redis:Linger=abc", "Redis:Linger", "abc", "00:01:00")]
    [InlineData("Redis:Linger=-00:00:01", "Redis:Linger", "-00:00:01", "1.00:00:00 is allowed")]
    [InlineData("Redis:EmbeddedPort=0", "Redis:EmbeddedPort", "0", "1 to 65535 is allowed")]
    [InlineData("Redis:EmbeddedPort=many", "Redis:EmbeddedPort", "many", "whole number")]
    [InlineData("Limits:NameBytes=0", "Limits:NameBytes", "0", "1 to 4096 is allowed")]
    [InlineData("History:Recent:Bytes=1000", "History:Recent:Bytes", "1000", "1048576 to 2147483647 is allowed")]
    [InlineData("Limits:HandshakeTimeout=00:00:00", "Limits:HandshakeTimeout", "00:00:00", "00:00:01 to 00:05:00 is allowed")]
    [InlineData("Limits:ConnectionsPerAddress=0", "Limits:ConnectionsPerAddress", "0", "1 to 10000000 is allowed")]
    [InlineData("Access:Anonymous:Subscribe:0=__x", "Access:Anonymous:Subscribe:0", "\"__x\"", "reserved")]
    [InlineData("Access:Anonymous:Subscribe:0=", "Access:Anonymous:Subscribe:0", "\"\"", "the channel is empty")]
    [InlineData("Access:Anonymous:Subscribe=orders.*", "Access:Anonymous:Subscribe", "\"orders.*\"", "whose first entry is Access:Anonymous:Subscribe:0")]
    [InlineData("Redis:Covers:0=user.42", "Redis:Covers:0", "\"user.42\"", "a pattern such as user.*")]
    [InlineData("Redis:Covers:0=a[]", "Redis:Covers:0", "\"a[]\"", "can match no channel")]
    [InlineData("Redis:ChannelPrefix=__x", "Redis:ChannelPrefix", "\"__x\"", "__ or notifier:")]
    [InlineData("Redis:ChannelPrefix=_", "Redis:ChannelPrefix", "\"_\"", "__ or notifier:")]
    [InlineData("Subscriptions:Default:0=__x", "Subscriptions:Default:0", "\"__x\"", "reserved")]
    [InlineData("Access:AllowedOrigins:0=https://a.example/", "Access:AllowedOrigins:0", "\"https://a.example/\"", "remove the slash")]
    [InlineData("Access:AllowedOrigins=https://a.example", "Access:AllowedOrigins", "\"https://a.example\"", "Access:AllowedOrigins:0")]
    [InlineData("ForwardedHeaders:KnownProxies:0=proxy", "ForwardedHeaders:KnownProxies:0", "\"proxy\"", "an IP address such as 10.0.0.5")]
    [InlineData("ForwardedHeaders:KnownNetworks:0=10.0.0.0", "ForwardedHeaders:KnownNetworks:0", "\"10.0.0.0\"", "such as 10.0.0.0/8")]
    [InlineData("ForwardedHeaders:KnownProxies=10.0.0.5", "ForwardedHeaders:KnownProxies", "\"10.0.0.5\"", "ForwardedHeaders:KnownProxies:0")]
    [InlineData("Access:Tokens:Secret=short", "Access:Tokens:Secret", "5 bytes", "at least 32")]
    [InlineData("Access:Tokens:Authority=https://login.example", "Access:Tokens:Audience", "empty", "set it, because")]
    [InlineData("Access:Tokens:Authority=http://login.example", "Access:Tokens:Authority", "\"http://login.example\"", "http only for this machine")]
    [InlineData("Access:Tokens:PublicKeyFile=/nowhere.pem", "Access:Tokens:PublicKeyFile", "\"/nowhere.pem\"", "Could not find")]
    [InlineData("Access:Tokens:Subscribe:0=user.{sub}.*", "Access:Tokens", "no key", "set Access:Tokens:Secret")]
    [InlineData("Access:Tokens:Subscribe:0=user.{sub.*", "Access:Tokens:Subscribe:0", "\"user.{sub.*\"", "write a claim as {sub}")]
    [InlineData("Access:Tokens:Algorithms:0=none", "Access:Tokens:Algorithms:0", "\"none\"", "RS256")]
    [InlineData("Access:Tokens:Algorithms:0=HS256", "Access:Tokens:Algorithms:0", "\"HS256\"", "with a public key")]
    [InlineData("Access:OperatorHosts:0=notifier.example:9081", "Access:OperatorHosts:0", "\"notifier.example:9081\"", "without a port")]
    [InlineData("Access:OperatorHosts=notifier.example", "Access:OperatorHosts", "\"notifier.example\"", "Access:OperatorHosts:0")]
    [InlineData("Access:ApiKeys:0:Name=backend", "Access:ApiKeys:0", "must have either :Secret or :Sha256")]
    [InlineData("Access:ApiKeys:0:Secret=short", "Access:ApiKeys:0:Secret", "fewer than 16 bytes")]
    [InlineData("Access:ApiKeys:0:Sha256=abc", "Access:ApiKeys:0:Sha256", "64 hexadecimal digits")]
    [InlineData("Access:Callback:Url=/notifier", "Access:Callback:Url", "https://app.example.com/notifier")]
    [InlineData("Access:Callback:Timeout=00:01:00", "Access:Callback:Timeout", "00:01:00", "00:00:30 is allowed")]
    [InlineData("Redis:Configuration=redis://localhost:port", "Redis:Configuration is not a valid URL of a Redis", "a port is not a number")]
    [InlineData("REDIS_URL=rediss://localhost?ssl_cert_reqs=none", "REDIS_URL is not a valid URL of a Redis", "ssl_cert_reqs", "Redis:CaFile")]
    [InlineData("Redis:Configuration=localhost:6379,syncTimeout=abc", "Redis:Configuration", "syncTimeout", "requires an integer value")]
    public async Task An_invalid_setting_stops_the_start_with_its_key_its_value_and_what_is_allowed(string setting, params string[] told)
    {
        var message = await RefusedAsync("Development", setting);

        foreach (var part in told)
            message.Should().Contain(part);
    }

    [Theory]
    [InlineData("Access:Callback:Url=https://app.example/notifier", "*")]
    [InlineData("Access:Callback:Url=https://app.example/notifier", "null")]
    [InlineData("Access:Tokens:Cookie=notifier", "*")]
    public async Task Cookies_without_an_origin_check_stop_the_start(string setting, string origin)
    {
        var message = await RefusedAsync(
            "Production", setting, "Access:Tokens:Secret=the secret of the tests, long enough", $"Access:AllowedOrigins:0={origin}");

        message.Should().Contain($"Access:AllowedOrigins:0 is \"{origin}\"").And.Contain(setting.Split('=')[0]).And.NotContain("long enough");
    }

    [Fact]
    public async Task Invalid_settings_in_several_places_are_reported_together()
    {
        var message = await PrintedAsync("Development", "Redis:EmbeddedPort=0", "Limits:NameBytes=0", "Limits:PatternStars=99");

        foreach (var bad in new[] { "Redis:EmbeddedPort is 0", "Limits:NameBytes is 0", "Limits:PatternStars is 99" })
            message.Split(bad).Should().HaveCount(2, "{0} appears once in: {1}", bad, message);
    }

    [Fact]
    public async Task An_embedded_redis_port_that_another_program_uses_stops_the_start()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var answering = AnswerAsync(taken);

        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var message = await RefusedAsync("Development", $"Redis:EmbeddedPort={port}");

        message.Should().Contain($"127.0.0.1:{port}").And.Contain("not a Redis").And.Contain("Redis:EmbeddedPort").And.Contain("Redis:Configuration");
        await answering;
    }

    [Fact]
    public async Task A_redis_that_requires_a_password_at_the_embedded_port_stops_the_start()
    {
        await using var redis = await RedisServer.CreateAsync("--requirepass", "opensesame");
        await redis.StartHostAsync("opensesame");

        var message = await RefusedAsync("Development", $"Redis:EmbeddedPort={redis.Port}");

        message.Should().Contain($"127.0.0.1:{redis.Port}").And.Contain("password").And.Contain($"Redis__Configuration=127.0.0.1:{redis.Port},password=...");
    }

    /// <summary>Another user of the machine could listen there first, and would receive everything.</summary>
    [Fact]
    public async Task A_redis_that_happens_to_listen_at_the_embedded_port_is_not_used_in_production()
    {
        await using var redis = await RedisServer.StartAsync();

        var message = await RefusedAsync("Production", "Redis:Embedded=true", $"Redis:EmbeddedPort={redis.Port}");

        message.Should().Contain($"127.0.0.1:{redis.Port}").And.Contain($"Redis:Configuration=127.0.0.1:{redis.Port}").And.Contain("Redis:EmbeddedPort");
    }

    [Fact]
    public async Task An_address_that_is_in_use_stops_the_start()
    {
        await using var redis = await RedisServer.StartAsync();
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var address = $"http://{taken.LocalEndpoint}";

        var message = await PrintedAsync("Development", $"Redis:Configuration={redis.Configuration}", $"urls={address}");

        message.Should().Contain(address).And.Contain("in use");
    }

    [Theory]
    [InlineData("Urls=127.0.0.1:9330", "'127.0.0.1:9330' is not an address", "http://127.0.0.1:9330")]
    [InlineData("Kestrel:Endpoints:Http:Url=127.0.0.1", "'127.0.0.1' is not an address", "Kestrel:Endpoints")]
    [InlineData("Urls=ftp://127.0.0.1:0", "ftp://127.0.0.1:0", "urls, or Kestrel:Endpoints")]
    [InlineData("Urls=http://127.0.0.1:99999", "65535")]
    [InlineData("Urls=http://127.0.0.1:0/path", "urls, or Kestrel:Endpoints")]
    [InlineData("Kestrel:Endpoints:Tls:Url=https://127.0.0.1:0 Kestrel:Endpoints:Tls:Certificate:Path=/nowhere.pfx", "/nowhere.pfx")]
    [InlineData("Kestrel:Endpoints:Tls:Url=https://127.0.0.1:0 Kestrel:Endpoints:Tls:Certificate:Path=Notifier.Web.dll", "certificate")]
    public async Task An_address_that_the_server_cannot_listen_on_stops_the_start_with_what_to_write(string settings, params string[] told)
    {
        await using var redis = await RedisServer.StartAsync();

        var message = await RefusedAsync("Development", [$"Redis:Configuration={redis.Configuration}", .. settings.Split(' ')]);

        foreach (var part in told)
            message.Should().Contain(part);
    }

    /// <summary>The home directory is empty, because a developer's machine may have a certificate for localhost there.</summary>
    [Fact]
    public async Task An_https_address_without_a_certificate_stops_the_process_with_the_setting_for_a_certificate()
    {
        await using var redis = await RedisServer.StartAsync();
        var home = Directory.CreateTempSubdirectory("notifier-home-");

        var message = await PrintedAsync(
            "Production", new Dictionary<string, string> { ["HOME"] = home.FullName },
            $"Redis:Configuration={redis.Configuration}", "urls=https://127.0.0.1:0", "Limits:Connections=10");

        message.Should().Contain("no certificate").And.Contain("Kestrel:Certificates:Default:Path");
        home.Delete(recursive: true);
    }

    [Fact]
    public async Task An_address_without_a_scheme_stops_the_process()
    {
        await using var redis = await RedisServer.StartAsync();

        var message = await PrintedAsync("Production", $"Redis:Configuration={redis.Configuration}", "Urls=127.0.0.1:9330", "Limits:Connections=10");

        message.Should().Contain("for example http://127.0.0.1:9330.");
    }

    [Fact]
    public async Task A_configuration_file_that_is_not_json_stops_the_process_with_its_line()
    {
        // The program reads the file beside it that has the name of its environment.
        var environment = $"Broken{Guid.NewGuid():N}";
        var file = Path.Combine(NotifierBuild.Folder, $"appsettings.{environment}.json");
        await File.WriteAllTextAsync(file, "{\n  \"Redis\": { \"Linger\": \"00:00:01\" }\n  \"Limits\": { \"Connections\": 5 }\n}\n");
        try
        {
            var message = await PrintedAsync(environment);

            message.Should().Contain($"appsettings.{environment}.json is not valid JSON in line 3").And.Contain("Expected either ','");
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Starts the server in this process, which takes a twentieth of the time of a process. What the program prints is a test of its own.</summary>
    /// <returns>The message, after checks that every message must pass.</returns>
    internal static async Task<string> RefusedAsync(string environment, params string[] settings)
    {
        var error = await Record.ExceptionAsync(async () =>
        {
            await using var app = await NotifierApp.StartAsConfiguredAsync(environment, settings);
        });
        error.Should().NotBeNull("such settings stop the start");
        var message = StartupFailure.Describe(error!);
        message.Should().NotBeNull("an operator can mend it: {0}", error);
        message.Should().NotContain("Exception").And.NotContain("   at ").And.NotContain("\n");
        return message!;
    }

    /// <summary>Starts a process, which must print the message and nothing else.</summary>
    private static Task<string> PrintedAsync(string environment, params string[] settings) => PrintedAsync(environment, [], settings);

    private static async Task<string> PrintedAsync(string environment, Dictionary<string, string> variables, params string[] settings)
    {
        var (exitCode, output) = await NotifierProcess.RunAsync(environment, variables, settings);
        exitCode.Should().Be(1, output);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Should().HaveCount(1, "the process prints one message: {0}", output);
        lines[0].Should().StartWith("Notifier cannot start. ").And.NotContain("Exception").And.NotContain("   at ");
        return lines[0];
    }

    private static async Task AnswerAsync(TcpListener listener)
    {
        using var client = await listener.AcceptTcpClientAsync();
        await client.GetStream().ReadAtLeastAsync(new byte[6], 6);
        await client.GetStream().WriteAsync("HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
    }
}
