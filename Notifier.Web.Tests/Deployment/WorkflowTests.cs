using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Tests.Architecture;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Deployment;

/// <summary>The workflow uses only commands and actions that exist. Only GitHub can tell whether the workflow is valid.</summary>
public sealed class WorkflowTests
{
    /// <summary>A package that an attacker publishes under the same version, or under another version that fits, does not get into a build.</summary>
    [Fact]
    public void Each_project_has_a_lock_file_with_the_hash_of_each_package()
    {
        foreach (var file in new[]
        {
            "Notifier.Web/packages.lock.json", "Notifier.Web/packages.without-embedded-redis.lock.json", "Notifier.Web/packages.native-aot.lock.json", "Notifier.Web.Tests/packages.lock.json",
            "bench/Notifier.Bench/packages.lock.json",
        })
        {
            var locked = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, file)))!["dependencies"]!["net10.0"]!.AsObject();
            locked.Where(static package => (string?)package.Value!["type"] != "Project").Should().NotBeEmpty().And.OnlyContain(static package => package.Value!["contentHash"] != null, file);
        }
    }

    [Fact]
    public void The_workflow_runs_the_tests_and_builds_the_image_from_existing_files()
    {
        var workflow = Deployed.Yaml("test.yml").Single();
        var steps = workflow["jobs"]!.AsObject().SelectMany(job => job.Value!["steps"]!.AsArray()).ToList();
        var runs = steps.Select(step => (string?)step!["run"] ?? "").ToList();

        runs.Should().Contain("./test.sh").And.Contain("docker build -f deploy/Dockerfile -t notifier .");
        var files = runs.SelectMany(run => Regex.Matches(run, @"deploy/[\w./]+").Select(match => match.Value["deploy/".Length..])).Distinct().ToList();
        files.Should().Contain("compose.yaml").And.OnlyContain(file => File.Exists(Deployed.Path(file)));
        steps.Select(step => (string?)step!["uses"]).OfType<string>().Should().OnlyContain(
            action => Regex.IsMatch(action, "^actions/[a-z-]+@[0-9a-f]{40}$"), "the owner of an action can move a tag, but not a commit");
    }
}
