using FluentAssertions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Access;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>The names that the configuration opens to clients without a token.</summary>
public sealed class AnonymousAccessTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Theory]
    [InlineData("Development", null, true)]
    [InlineData("Production", null, false)]
    [InlineData("Development", "Access:Anonymous:Publish:0=orders.*", true)]
    [InlineData("Production", "Access:Anonymous:Publish:0=orders.*", true)]
    [InlineData("Production", "Access:Anonymous:Subscribe:0=orders.*", false)]
    public async Task Anonymous_publish_follows_its_own_setting_and_not_the_subscribe_grant(string environment, string? setting, bool allowed)
    {
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, settings: setting is null ? [$"environment={environment}"] : [$"environment={environment}", setting]);
        var access = app.Services.GetRequiredService<AnonymousAccess>();

        var refusal = access.PublishGrant.Check(Name.Channel("orders.42"));

        (refusal is null).Should().Be(allowed);
        if (!allowed)
            refusal!.Message.Should().Be("nothing is open here to anonymous visitors: set Access:Anonymous:Publish");
    }

    [Fact]
    public async Task An_empty_subscribe_list_grants_nothing_in_development_either()
    {
        var settings = Path.Combine(Directory.CreateTempSubdirectory("notifier-access-").FullName, "settings.json");
        await File.WriteAllTextAsync(settings, """{ "Access": { "Anonymous": { "Subscribe": [] } } }""");
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration, builder => builder.Configuration.AddJsonFile(settings), "urls=http://127.0.0.1:0");

        var access = app.Services.GetRequiredService<AnonymousAccess>();

        access.SubscribeGrant.Check(Name.Channel("orders.42"))!.Message.Should().Contain("set Access:Anonymous:Subscribe");
        access.PublishGrant.Check(Name.Channel("orders.42")).Should().BeNull();
        Directory.Delete(Path.GetDirectoryName(settings)!, recursive: true);
    }
}
